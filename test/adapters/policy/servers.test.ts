/** What every source that asks a server does, and does not. */
import { consul, nacos, url, type SourceFetch } from 'kyoa/policy/sources';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import type { PolicySource } from '../../../src/policy/source.ts';
import { startConsul } from '../../support/policy/consul.ts';
import { startDocuments } from '../../support/policy/documents.ts';
import { startNacos, type NacosSettings } from '../../support/policy/nacos.ts';
import type { StandIn } from '../../support/policy/stand-in.ts';
import { turn, watched } from '../../support/policy/watched.ts';
import { countTimers } from '../../support/sockets.ts';

interface Centre {
  readonly server: StandIn;
  readonly put: (text: string) => void;
  readonly remove: () => void;
}

interface Kind {
  readonly what: string;
  readonly start: () => Promise<Centre>;
  readonly source: (address: string, fetch?: SourceFetch) => PolicySource;
  /** The limit of the request that is in flight when nothing changes, ms. */
  readonly limit: number;
}

const nacosKind = (what: string, settings: NacosSettings, limit: number): Kind => ({
  what,
  async start() {
    const server = await startNacos(settings);
    const id = 'DEFAULT_GROUP/http.json';
    return { server, put: (text) => server.publish(id, text), remove: () => server.delete(id) };
  },
  source: (address, fetch) => nacos(address, { dataId: 'http.json', interval: 20, fetch }),
  limit,
});

const kinds: readonly Kind[] = [
  {
    what: 'url',
    async start() {
      const server = await startDocuments();
      return { server, put: (text) => void (server.text = text), remove: () => void (server.text = undefined) };
    },
    source: (address, fetch) => url(address, { interval: 20, fetch }),
    limit: 10_000,
  },
  {
    what: 'consul',
    async start() {
      const server = await startConsul();
      return { server, put: (text) => server.put('a/b', text), remove: () => server.delete('a/b') };
    },
    source: (address, fetch) => consul(address, 'a/b', { fetch }),
    limit: 260_000,
  },
  nacosKind('nacos 1', { generation: 1 }, 45_000),
  nacosKind('nacos 3', { generation: 3 }, 45_000),
  nacosKind('nacos 3 without compatibility', { generation: '3 without compatibility' }, 10_000),
];

const text = (retries: number): string => `{"use":[{"retry":{"retries":${retries}}}]}`;
const has = (retries: number) => (last: string) => last.endsWith(text(retries));
const isFailure = (last: string): boolean => last.startsWith('failed');

describe.each(kinds)('$what', ({ start, source, limit }) => {
  let centre: Centre;
  beforeEach(async () => {
    centre = await start();
  });
  afterEach(async () => {
    vi.useRealTimers();
    await centre.server[Symbol.asyncDispose]();
  });

  /** Resolves when the request is in flight that is held where nothing changes. */
  const settled = async (): Promise<void> => {
    const { server } = centre;
    const count = server.asked.length;
    await server.until(() => server.open > 0 && server.asked.length > count);
  };

  test('reports the document, each change of it, and its end', async () => {
    await using watch = watched(source(centre.server.address));
    expect(await watch.until(() => true)).toBe('absent');
    centre.put(text(1));
    await watch.until(has(1));
    centre.put(text(2));
    await watch.until(has(2));
    centre.remove();
    await watch.until((last) => last === 'absent');
    centre.put(text(3));
    await watch.until(has(3));
    expect(watch.said.map((line) => line.replace(/^document \S+: /, ''))).toEqual([
      'absent',
      text(1),
      text(2),
      'absent',
      text(3),
    ]);
  });

  test('reports the last of changes that follow each other', async () => {
    centre.put(text(1));
    await using watch = watched(source(centre.server.address));
    await watch.until(has(1));
    centre.put(text(2));
    centre.put(text(3));
    await watch.until(has(3));
  });

  test('does not report a text again that was written again', async () => {
    centre.put(text(1));
    await using watch = watched(source(centre.server.address));
    await watch.until(has(1));
    centre.put(text(1));
    centre.put(text(1));
    await settled();
    centre.put(text(2));
    await watch.until(has(2));
    expect(watch.said.length).toBe(2);
  });

  test('reports a server that is down, and its document when it is back, unchanged or not', async () => {
    centre.put(text(1));
    await using watch = watched(source(centre.server.address));
    await watch.until(has(1));
    await centre.server.die();
    expect(await watch.until(isFailure)).toMatch(/^failed: \w+ http:\/\/127\.0\.0\.1:\d+.*: fetch failed \(\w+\)$/);
    await centre.server.rise();
    await watch.until(has(1));
    await centre.server.die();
    await watch.until(isFailure);
    centre.put(text(2));
    await centre.server.rise();
    await watch.until(has(2));
  });

  test('notices a server that is not heard of any more', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    centre.server.isFrozen = true;
    await using watch = watched(source(centre.server.address));
    await centre.server.until(() => centre.server.asked.length === 1);
    const failed = watch.next();
    vi.advanceTimersByTime(limit);
    expect(await failed).toMatch(/: the server sent nothing for \d+ ms$/);
    await centre.server.until(() => centre.server.open === 0);
  });

  test('notices it also after the first report, and reports the document again when the server is heard of again', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    centre.put(text(1));
    await using watch = watched(source(centre.server.address));
    await watch.until(has(1));
    centre.server.isFrozen = true;
    await turn();
    vi.advanceTimersByTime(20);
    await centre.server.until(() => centre.server.open > 0);
    vi.advanceTimersByTime(260_000);
    await watch.until(isFailure);
    centre.server.isFrozen = false;
    vi.advanceTimersByTime(1_000);
    await watch.until(has(1));
  });

  test('notices it with a fetch that does not obey its signal', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    await using watch = watched(source(centre.server.address, () => new Promise(() => {})));
    vi.advanceTimersByTime(limit);
    expect(await watch.until(() => true)).toMatch(/: the server sent nothing for \d+ ms$/);
  });

  test('refuses a text that is too long, without reading it to its end', async () => {
    centre.put(' '.repeat(40 * 1024 * 1024));
    await using watch = watched(source(centre.server.address));
    expect(await watch.until(() => true)).toMatch(/: the document has more than 16777216 bytes$/);
    await centre.server.until(() => centre.server.open === 0);
  });

  test('passes 10 MB on, and a byte order mark, as they are', async () => {
    const long = `\uFEFF${' '.repeat(10_000_000)}{}`;
    centre.put(long);
    await using watch = watched(source(centre.server.address));
    await watch.until(() => true);
    expect(watch.texts).toEqual([long]);
  });

  test('keeps the credentials of the address out of its name and its errors', async () => {
    const address = centre.server.address.replace('//', '//ada:s3cret@');
    const it = source(address);
    await centre.server.die();
    await using watch = watched(it);
    expect(await watch.until(() => true)).toMatch(/^failed/);
    expect(`${it.name} ${watch.said.join()} ${JSON.stringify(watch.errors)}`).not.toMatch(/s3cret|ada/);
  });

  describe('when its watch ends', () => {
    const moments: Readonly<Record<string, (watch: ReturnType<typeof watched>) => Promise<unknown>>> = {
      'before its first request': async () => {},
      'while the first request is in flight': () => centre.server.until(() => centre.server.open > 0),
      'after the first report': (watch) => watch.until(() => true),
      'while it waits for a change': async (watch) => {
        await watch.until(() => true);
        await settled();
      },
      'after a failure': async (watch) => {
        await watch.until(() => true);
        await centre.server.die();
        await watch.until(isFailure);
      },
    };

    test.each(Object.entries(moments))('%s, closes its requests and its timers', async (_, moment) => {
      using timers = countTimers();
      centre.put(text(1));
      const watch = watched(source(centre.server.address));
      await moment(watch);
      const { length } = watch.said;
      watch.stop();
      await centre.server.until(() => centre.server.open === 0);
      const asked = centre.server.asked.length;
      await vi.waitFor(() => expect(timers.open()).toBe(0));
      centre.put(text(2));
      await turn();
      expect({ said: watch.said.length, asked: centre.server.asked.length }).toEqual({ said: length, asked });
    });

    test('does not begin when its signal is aborted', async () => {
      const { name } = source(centre.server.address);
      const said: string[] = [];
      const sink = {
        document: () => said.push('document'),
        absent: () => said.push('absent'),
        failed: () => said.push(name),
      };
      source(centre.server.address).watch(sink, AbortSignal.abort());
      await turn();
      expect({ said, asked: centre.server.asked.length }).toEqual({ said: [], asked: 0 });
    });
  });
});

test.each([
  ['url', () => url('ftp://a.example/x'), 'url address must be an http or https URL, got "ftp://a.example/x"'],
  ['url', () => url('policy.json'), 'url address must be an http or https URL, got "policy.json"'],
  [
    'url',
    () => url('http://a.example', { interval: 0 }),
    'url interval must be a number of milliseconds above 0, got 0',
  ],
  ['url', () => url('http://a.example', { fetch: 1 as never }), 'fetch must be a function, got 1'],
  [
    'consul',
    () => consul('http://a.example', ''),
    'consul key must be the name of a key, such as \'shop/http\', got ""',
  ],
  ['consul', () => consul('http://a.example', 'k', { wait: 600_001 }), 'consul wait must be at most 600000 ms'],
  ['consul', () => consul('http://a.example', 'k', { tokn: 'x' } as never), 'consul has no option tokn; it has token'],
  ['nacos', () => nacos('http://a.example', {} as never), 'nacos dataId must be letters, digits'],
  ['nacos', () => nacos('http://u:s3cret@[', { dataId: 'a' }), 'nacos address must be an http or https URL'],
])('%s refuses a bad option', (_, make, message) => {
  expect(make).toThrow(message);
  expect(make).not.toThrow('s3cret');
});
