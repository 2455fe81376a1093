import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { etcd, type SourceFetch } from 'kyoa/policy/sources';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { startEtcd, type Etcd } from '../../support/etcd.ts';
import { turn, watched } from '../../support/policy/watched.ts';
import { countTimers, openSockets } from '../../support/sockets.ts';

let server: Etcd;
beforeEach(async () => {
  server = await startEtcd();
});
afterEach(async () => {
  vi.useRealTimers();
  await server[Symbol.asyncDispose]();
});

const key = 'shop/http';
const isFailure = (last: string): boolean => last.startsWith('failed');
const at = (revision: string, text: string) => (last: string) => last === `document ${revision}: ${text}`;

/** The platform's fetch, and the paths of its requests. `before` runs before the first request for its path. */
function recorded(before: Record<string, () => Promise<unknown>> = {}): { asked: string[]; fetch: SourceFetch } {
  const asked: string[] = [];
  return {
    asked,
    fetch: async (url, init) => {
      const { pathname } = new URL(url);
      asked.push(pathname);
      const prepare = before[pathname];
      delete before[pathname];
      await prepare?.();
      return fetch(url, init);
    },
  };
}

describe('etcd', () => {
  test('reports the document with its revision, each change of it, and its end', async () => {
    await using watch = watched(etcd(server.address, key));
    expect(await watch.until(() => true)).toBe('absent');
    await watch.until(at(await server.put(key, '{"a":1}'), '{"a":1}'));
    await watch.until(at(await server.put(key, '{"a":"ä€😀"}'), '{"a":"ä€😀"}'));
    await server.delete(key);
    await watch.until((last) => last === 'absent');
    await watch.until(at(await server.put(key, ''), ''));
    expect(watch.said.length).toBe(5);
  });

  test('reports the document that was there before', async () => {
    const revision = await server.put(key, '{}');
    await using watch = watched(etcd(`${server.address}/`, key));
    expect(await watch.until(() => true)).toBe(`document ${revision}: {}`);
    expect(etcd(server.address, key).name).toBe(`etcd ${server.address} ${key}`);
  });

  test('reports the last of changes that follow each other, and nothing of other keys', async () => {
    await using watch = watched(etcd(server.address, key));
    await watch.until(() => true);
    await server.put(`${key}/other`, '{"other":true}');
    for (let count = 1; count < 20; count += 1) await server.put(key, `{"a":${count}}`);
    await watch.until(at(await server.put(key, '{"last":true}'), '{"last":true}'));
    expect(watch.said.join()).not.toContain('other');
  });

  test('loses no change between the read and the watch', async () => {
    await server.put(key, '{"a":1}');
    const { fetch } = recorded({ '/v3/watch': () => server.put(key, '{"a":2}') });
    await using watch = watched(etcd(server.address, key, { fetch }));
    await watch.until((last) => last.endsWith('{"a":2}'));
    expect(watch.said.length).toBe(2);
  });

  test('reads again where etcd has compacted the revisions between the read and the watch', async () => {
    await server.put(key, '{"a":1}');
    const { asked, fetch } = recorded({
      '/v3/watch': async () => {
        for (const count of [2, 3, 4]) await server.put(key, `{"a":${count}}`);
        await server.compact();
      },
    });
    await using watch = watched(etcd(server.address, key, { fetch }));
    await watch.until((last) => last.endsWith('{"a":4}'));
    expect(asked.slice(0, 3)).toEqual(['/v3/kv/range', '/v3/watch', '/v3/kv/range']);
    await watch.until(at(await server.put(key, '{"a":5}'), '{"a":5}'));
    expect(watch.said.length).toBe(3);
  });

  test('reports a server that died, and the document when it is back, changed or not', async () => {
    await server.put(key, '{"a":1}');
    await using watch = watched(etcd(server.address, key));
    await watch.until((last) => last.endsWith('{"a":1}'));
    await server.kill();
    expect(await watch.until(isFailure)).toMatch(/^failed: etcd http:\/\/127\.0\.0\.1:\d+ shop\/http: /);
    await server.start();
    await watch.until((last) => last.endsWith('{"a":1}'));
    await server.kill();
    await watch.until(isFailure);
    await server.start();
    await watch.until(at(await server.put(key, '{"a":2}'), '{"a":2}'));
  }, 30_000);

  test('notices a server that is not heard of any more, and reads the document when it is heard of again', async () => {
    await server.put(key, '{"a":1}');
    const { asked, fetch } = recorded();
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    await using watch = watched(etcd(server.address, key, { fetch }));
    await watch.until((last) => last.endsWith('{"a":1}'));
    while (asked.length < 2) await turn();
    server.freeze();
    vi.advanceTimersByTime(60_000);
    while (asked.length < 3) await turn();
    expect(watch.said.length).toBe(1);
    vi.advanceTimersByTime(10_000);
    expect(await watch.until(isFailure)).toMatch(/: the server sent nothing for 10000 ms$/);
    server.thaw();
    vi.advanceTimersByTime(1_000);
    await watch.until((last) => last.endsWith('{"a":1}'));
  });

  test('reads and watches again after a silence, over a new connection', async () => {
    await server.put(key, '{"a":1}');
    const { asked, fetch } = recorded();
    await using watch = watched(etcd(server.address, key, { fetch, wait: 1_100 }));
    await watch.until(() => true);
    await vi.waitFor(() => expect(asked.length).toBe(6), { timeout: 5_000 });
    await watch.until(at(await server.put(key, '{"a":2}'), '{"a":2}'));
    expect(watch.said.length).toBe(2);
  });

  test('passes 1 MB on, and a byte order mark, as they are; refuses what is not UTF-8', async () => {
    const long = `\uFEFF${' '.repeat(1_000_000)}{}`;
    await server.put(key, long);
    await using watch = watched(etcd(server.address, key));
    await watch.until(() => true);
    expect(watch.texts).toEqual([long]);
    await server.put(key, Buffer.from('ä', 'latin1'));
    expect(await watch.until(isFailure)).toMatch(/: the document is not UTF-8; save it as UTF-8$/);
    await watch.until(at(await server.put(key, '{}'), '{}'));
  });

  test('sends its headers', async () => {
    const sent: unknown[] = [];
    const recording: SourceFetch = (url, init) => {
      sent.push(new Headers(init.headers).get('x-team'));
      return fetch(url, init);
    };
    await using watch = watched(etcd(server.address, key, { headers: { 'x-team': 'shop' }, fetch: recording }));
    await watch.until(() => true);
    while (sent.length < 2) await turn();
    expect(sent).toEqual(['shop', 'shop']);
  });

  describe('with users', () => {
    beforeEach(async () => {
      await server.put(key, '{"a":1}');
      await server.put('secret', '{"secret":true}');
      await server.enableAuth('ada', key);
    });

    test('logs in, and again when its token is no longer valid', async () => {
      const { asked, fetch } = recorded();
      const user = { username: 'ada', password: 's3cret' };
      await using watch = watched(etcd(server.address, key, { ...user, wait: 1_100, fetch }));
      await watch.until((last) => last.endsWith('{"a":1}'));
      expect(asked.slice(0, 2)).toEqual(['/v3/auth/authenticate', '/v3/kv/range']);
      await server.forget('ada');
      await vi.waitFor(() => expect(asked.filter((path) => path.endsWith('authenticate')).length).toBe(2), 5_000);
      await watch.until(at(await server.put(key, '{"a":2}'), '{"a":2}'));
      expect(watch.said.length).toBe(2);
    });

    test('logs in as the user of its address', async () => {
      const address = server.address.replace('//', '//ada:s3cret@');
      await using watch = watched(etcd(address, key));
      await watch.until((last) => last.endsWith('{"a":1}'));
    });

    test.each([
      ['no user', key, {}, 'HTTP 400, etcdserver: user name is empty'],
      [
        'a wrong password',
        key,
        { username: 'ada', password: 'wr0ng' },
        'authentication failed, invalid user ID or password',
      ],
      ['no right to the key', 'secret', { username: 'ada', password: 's3cret' }, 'permission denied'],
    ])('fails with %s', async (_, key, user, message) => {
      await using watch = watched(etcd(server.address, key, user));
      const said = await watch.until(() => true);
      expect(said).toMatch(/^failed/);
      expect(said).toContain(message);
      expect(said).not.toMatch(/s3cret|wr0ng/);
    });
  });

  test('logs in again when a role has changed, where tokens are of the kind `jwt`', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'kyoa-etcd-keys-'));
    const format = { type: 'pkcs8', format: 'pem' } as const;
    const { privateKey } = generateKeyPairSync('rsa', {
      modulusLength: 2048,
      privateKeyEncoding: format,
      publicKeyEncoding: { type: 'spki', format: 'pem' },
    });
    const file = join(folder, 'key.pem');
    writeFileSync(file, privateKey);
    await using jwt = await startEtcd('--auth-token', `jwt,priv-key=${file},sign-method=RS256,ttl=10m`);
    await jwt.put(key, '{"a":1}');
    await jwt.enableAuth('ada', key);
    const changeRole = (): Promise<void> => jwt.changeRole('ada');
    const { asked, fetch } = recorded({ '/v3/watch': changeRole }); // between the read and the watch
    await using watch = watched(etcd(jwt.address, key, { username: 'ada', password: 's3cret', wait: 1_100, fetch }));
    const count = (path: string): number => asked.filter((one) => one === path).length;
    await vi.waitFor(() => expect(count('/v3/watch')).toBe(2), 5_000);
    expect(count('/v3/auth/authenticate')).toBe(2);
    await changeRole(); // while it watches: the next read is refused
    await vi.waitFor(() => expect(count('/v3/auth/authenticate')).toBe(3), 5_000);
    expect(watch.said.length).toBe(1);
    rmSync(folder, { recursive: true });
  });

  test('fails with a watch that is refused time after time, as by a proxy that has no streams', async () => {
    await server.put(key, '{}');
    const proxy: SourceFetch = async (url, init) =>
      url.endsWith('/watch') ? new Response('no', { status: 502 }) : fetch(url, init);
    await using watch = watched(etcd(server.address, key, { fetch: proxy }));
    expect(await watch.until(isFailure)).toBe(`failed: etcd ${server.address} ${key}: HTTP 502`);
  });

  test('fails with a user where etcd has none', async () => {
    await using watch = watched(etcd(server.address, key, { username: 'ada', password: 's3cret' }));
    expect(await watch.until(() => true)).toMatch(/: HTTP 412, etcdserver: authentication is not enabled$/);
  });

  test.each<[string, (watch: ReturnType<typeof watched>, asked: readonly string[]) => Promise<unknown>]>([
    ['at once', async () => {}],
    ['after its first report', (watch) => watch.until(() => true)],
    [
      'while it watches',
      async (watch, asked) => {
        await watch.until(() => true);
        while (asked.length < 2) await turn();
        await watch.until(at(await server.put(key, '{"a":2}'), '{"a":2}'));
      },
    ],
    [
      'after a failure',
      async (watch) => {
        await watch.until(() => true);
        await server.kill();
        await watch.until(isFailure);
      },
    ],
  ])('closes its connection and its timers when its watch ends %s', async (_, moment) => {
    await server.put(key, '{"a":1}');
    using timers = countTimers();
    const { asked, fetch } = recorded();
    const watch = watched(etcd(server.address, key, { fetch }));
    await moment(watch, asked);
    const { length } = watch.said;
    watch.stop();
    await vi.waitFor(() => expect(timers.open()).toBe(0));
    await vi.waitFor(() => expect(openSockets(server.port).filter(({ referenced }) => referenced)).toEqual([]));
    const { length: count } = asked;
    await turn();
    expect({ said: watch.said.length, asked: asked.length }).toEqual({ said: length, asked: count });
  });
});

test.each([
  [() => etcd('127.0.0.1:2379', 'a'), 'etcd address must be an http or https URL, got "127.0.0.1:2379"'],
  [() => etcd('http://a', ''), `etcd key must be the name of a key, such as 'shop/http', got ""`],
  [() => etcd('http://a', 'a', { wait: 0 }), 'etcd wait must be a number of milliseconds above 0, got 0'],
  [() => etcd('http://a', 'a', { user: 'a' } as never), 'etcd has no option user; it has username'],
])('etcd refuses a bad option', (make, message) => {
  expect(make).toThrow(message);
});
