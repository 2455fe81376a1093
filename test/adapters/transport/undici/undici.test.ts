/** kyoa/undici compared with the global fetch: every fault and every good response has the same outcome, or a listed one. */
import { runInNewContext } from 'node:vm';
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { undici, type UndiciFetch } from '../../../../adapters/transport/undici/undici.ts';
import { createFetch } from '../../../../src/index.ts';
import { faults, faultServer, outcome, type FaultServer } from '../../../support/faults.ts';
import { origin, type Origin } from '../../../support/origin.ts';
import { exitsByItself } from '../../../support/sockets.ts';
import { differences } from './differences.ts';

const unlimited = { connect: false, headers: false, body: false, write: false } as const;

let transport: UndiciFetch;
beforeEach(() => {
  transport = undici(unlimited);
});
afterEach(() => transport.destroy());

describe('every fault has the outcome of the global fetch, or the one that is listed', () => {
  let server: FaultServer;
  beforeEach(async () => {
    server = await faultServer();
  });
  afterEach(() => server.close());

  test.for(faults)('$name', async (fault) => {
    const { kind, error, ...response } = await outcome(fault, server, transport);
    const expected = differences[fault.name] ?? { kind: fault.node, cause: fault.cause };

    expect(kind).toBe(expected.kind);
    expect(response.status ?? 200).toBe(fault.status ?? 200);
    expect((error as Error | undefined)?.cause ?? {}).toMatchObject(expected.cause ? { code: expected.cause } : {});
    if (kind === 'error') expect(error).toMatchObject({ name: 'TypeError', message: 'fetch failed' });
    if (kind === 'error in body') expect(error).toMatchObject({ name: 'TypeError', message: 'terminated' });
  });

  test('no listed difference belongs to a fault that does not exist', () => {
    const names = new Set(faults.map(({ name }) => name));
    expect(Object.keys(differences).filter((name) => !names.has(name))).toEqual([]);
  });
});

describe('every good response is the one that the global fetch returns', () => {
  let server: Origin;
  beforeEach(async () => {
    server = await origin(({ request, response, body }) => {
      const { pathname, searchParams } = new URL(request.url!, 'http://a');
      const [, kind, detail = ''] = pathname.split('/');
      const raw = Buffer.from('Grüße, kyoa! '.repeat(Number(searchParams.get('times') ?? 3)));
      if (kind === 'echo') {
        const echo = (bytes: Buffer): unknown =>
          response.end(`${request.method} ${request.url} ${bytes.toString('latin1')}`);
        body.then(echo, () => undefined); // the client may abort the request
      } else if (kind === 'status') {
        response
          .writeHead(Number(detail), searchParams.get('text') ?? undefined)
          .end(detail === '204' ? undefined : raw);
      } else if (kind === 'headers') {
        response
          .setHeader('x-one', 'a, b')
          .setHeader('set-cookie', ['a=1; Path=/', 'b=2'])
          .setHeader('x-latin', 'gr\xfc\xdfe');
        response.end();
      } else if (kind === 'coded') {
        response.setHeader('content-encoding', detail.replaceAll('+', ', '));
        response.end(detail.split('+').reduce((bytes, coding) => coders[coding]!(bytes), raw as Buffer));
      } else if (kind === 'redirect') {
        response.writeHead(Number(detail), { location: searchParams.get('to')! }).end('elsewhere');
      } else {
        response.setHeader('content-type', 'application/json').end('\ufeff{"name":"käse"}');
      }
    });
  });
  afterEach(() => server[Symbol.asyncDispose]());

  const coders: Readonly<Record<string, (bytes: Buffer) => Buffer>> = {
    gzip: gzipSync,
    'x-gzip': gzipSync,
    br: brotliCompressSync,
    deflate: deflateSync,
    raw: deflateRawSync,
    zstd: zstdCompressSync,
    identity: (bytes) => bytes,
    unknown: (bytes) => bytes,
  };
  const form = (): FormData => {
    const form = new FormData();
    form.append('text', 'a\nb "q"');
    form.append('file "1"', new File(['bytes'], 'na"me.txt', { type: 'text/plain' }));
    return form;
  };
  const stream = (): RequestInit => {
    const init = { method: 'POST', body: new Blob(['in ', 'pieces']).stream(), duplex: 'half' };
    return init; // the types of the DOM have no `duplex`
  };
  /** A stream that fails after so many chunks. */
  const broken = (chunks: number): RequestInit => {
    let sent = 0;
    const pull = (controller: ReadableStreamDefaultController<Uint8Array>): void => {
      if (sent++ === chunks) controller.error(new Error('broken'));
      else controller.enqueue(new Uint8Array(10));
    };
    return { ...stream(), body: new ReadableStream({ pull }) };
  };
  const posted = (body: BodyInit): RequestInit => ({ method: 'POST', body });
  const transferred = (): Uint8Array<ArrayBuffer> => {
    const bytes = new Uint8Array(4);
    structuredClone(bytes, { transfer: [bytes.buffer] });
    return bytes;
  };

  const requests: readonly [path: string, init?: () => RequestInit][] = [
    ['/json'],
    ['/json#fragment'],
    ['/echo/a%20b/../c?x=1&y=ü'],
    ['/headers'],
    ['/status/200?text=Fine'],
    ['/status/204'],
    ['/status/304'],
    ['/status/404'],
    ['/status/500'],
    ['/status/599'],
    ['/status/200?times=20000'],
    ['/json', () => ({ method: 'HEAD' })],
    ['/status/404', () => ({ method: 'HEAD' })],
    ['/echo', () => ({ method: 'DELETE' })],
    ['/echo', () => ({ method: 'patch', body: 'x' })],
    ['/echo', () => posted('grüße')],
    ['/echo', () => posted('')],
    ['/echo', () => posted({ an: 'object' } as never)],
    ['/echo', () => posted(12 as never)],
    ['/echo', () => broken(0)],
    ['/echo', () => broken(2)],
    ['/echo', () => ({ method: 'POST' })],
    ['/echo', () => posted(new URLSearchParams({ a: '1 2', b: 'ü' }))],
    ['/echo', () => posted(new TextEncoder().encode('bytes'))],
    ['/echo', () => posted(new TextEncoder().encode('bytes').buffer)],
    ['/echo', () => posted(new Blob(['a', 'b'], { type: 'text/x' }))],
    ['/echo', () => posted('long '.repeat(100_000))],
    ['/echo', stream],
    ...Object.keys(coders)
      .filter((coding) => coding !== 'raw' && coding !== 'unknown')
      .map((coding): [string] => [`/coded/${coding}?times=500`]),
    ['/coded/deflate+gzip'],
    ['/coded/br+identity'],
    ['/coded/unknown'],
    ...[301, 302, 303, 307, 308].flatMap((status): [string, () => RequestInit][] => [
      [`/redirect/${status}?to=/echo`, () => ({})],
      [`/redirect/${status}?to=/echo`, () => posted('again')],
      [`/redirect/${status}?to=/echo`, () => ({ method: 'PUT', body: 'again' })],
      [`/redirect/${status}?to=/echo`, stream],
      [`/redirect/${status}?to=/echo`, () => ({ method: 'HEAD' })],
    ]),
    ['/redirect/302?to=/json%23there'],
    ['/redirect/302?to=/json#here'],
    ['/redirect/302?to=ftp://a/'],
    ['/redirect/302?to=http://'],
    ['/redirect/302?to=/json', () => ({ redirect: 'manual' })],
    ['/redirect/302?to=/json', () => ({ redirect: 'error' })],
    ['/redirect/300?to=/json'],
    ['/status/302', () => ({ redirect: 'error' })],
    ['/status/302'],
    ['/status/200', () => ({ integrity: 'sha256-qzqmdw3QNmkLX3OlJYuD51/1tLJRwnPmgpHEpuTYQMA=ä' })],
    ['/status/200', () => ({ integrity: 'sha256-qzqmdw3QNmkLX3OlJYuD51_1tLJRwnPmgpHEpuTYQMA?x' })],
    ['/json', () => ({ integrity: 'sha256-AAAA' })],
    ['/status/200', () => ({ integrity: 'sha256-qzqmdw3QNmkLX3OlJYuD51/1tLJRwnPmgpHEpuTYQMA=' })],
    ['/json', () => ({ integrity: 'md5-nonsense' })],
    ['/echo', () => ({ headers: { expect: '100-continue' }, method: 'POST', body: 'x' })],
    ['/echo', () => ({ headers: { 'transfer-encoding': 'chunked' } })],
    ['/echo', () => ({ headers: { upgrade: 'websocket' } })],
    ['/echo', () => ({ method: 'CONNECT' })],
    ['/echo', () => ({ method: 'GET', body: 'x' })],
    ['/echo', () => ({ signal: 1 as never })],
    ['/echo', () => ({ window: 1 as never })],
    ['/echo', () => ({ referrer: 'http://:' })],
    ['/echo', () => ({ referrerPolicy: 'none' as never })],
    ['/echo', () => ({ priority: 'none' as never })],
    ['/echo', () => ({ mode: 'no-cors', method: 'PUT' })],
    ['/echo', () => ({ mode: 'none' as never, signal: AbortSignal.abort() })],
    ['/echo', () => null as never],
    ['/echo', () => new Request(server.url, posted('of a Request'))],
    ['/echo', () => Object.create(posted('inherited')) as RequestInit],
    ['/echo', () => posted(transferred())],
    ['/echo', () => posted(transferred().buffer)],
    ['/echo', () => 'POST' as never],
    ['/echo', () => Object.assign(() => 1, posted('of a function'))],
    ['/echo', () => new Put()],
    ['/json', () => ({ integrity: null as never })],
    ['/echo', () => posted(runInNewContext('Uint8Array.of(97).buffer') as ArrayBuffer)],
  ];
  class Put {
    get method(): string {
      return 'PUT';
    }
    get body(): string {
      return 'of a class with getters';
    }
  }
  const otherUrls: readonly string[] = [
    'data:text/plain,hello',
    'about:blank',
    'ftp://a.example/',
    'http://127.0.0.1:22/',
    'http://user:password@127.0.0.1/',
    'not a url',
  ];

  /** Everything that a caller can read of the outcome, except the `date` header. */
  const outcomeOf = async (fetch: typeof globalThis.fetch, url: string, init: RequestInit): Promise<unknown> => {
    try {
      const response = await fetch(url, init);
      const { status, statusText, ok, redirected, type } = response;
      const headers = [...response.headers].filter(([name]) => name !== 'date');
      const body = Buffer.from(await response.clone().arrayBuffer()).toString('latin1');
      const text = await response.text();
      return { status, statusText, ok, redirected, type, url: response.url, headers, body, text };
    } catch (error) {
      const { name, message, cause } = error as Error;
      return { name, message, cause: (cause as { code?: string } | undefined)?.code };
    }
  };

  const alike = async (url: string, init: () => RequestInit): Promise<void> => {
    const expected = await outcomeOf(fetch, url, init());
    expect(await outcomeOf(transport, url, init())).toEqual(expected);
    expect(await outcomeOf(createFetch(), url, init())).toEqual(expected);
  };
  test.each(requests)('%s %o', (path, init = () => ({})) => alike(server.url + path.slice(1), init));
  test.each(otherUrls)('%s', (url) => alike(url, () => ({})));

  test('a function of one required argument', () => {
    expect([transport.length, createFetch().length]).toEqual([fetch.length, fetch.length]);
  });

  test('a form, apart from its random boundary', async () => {
    const echo = async (fetch: typeof globalThis.fetch): Promise<unknown> => {
      const text = await (await fetch(`${server.url}echo`, posted(form()))).text();
      const { headers } = server.exchanges.at(-1)!.request;
      return [text.replace(/\d{6,}/g, ''), headers['content-length'], headers['content-type']?.replace(/\d{6,}/, '')];
    };
    expect(await echo(transport)).toEqual(await echo(fetch));
  });

  test('a body that another reader has locked', async () => {
    const failure = async (fetch: typeof globalThis.fetch): Promise<unknown> => {
      const response = await fetch(`${server.url}json`);
      response.body!.getReader();
      return response.text().then(String, String);
    };
    expect(await failure(transport)).toEqual(await failure(fetch));
  });

  test.each(['read', 'locked'])('a request whose stream is %s', async (state) => {
    const failure = (fetch: typeof globalThis.fetch): Promise<unknown> => {
      const init = stream();
      const reader = (init.body as ReadableStream).getReader();
      if (state === 'read') void reader.cancel().then(() => reader.releaseLock());
      return new Promise((resolve) => setImmediate(resolve)).then(() => outcomeOf(fetch, `${server.url}echo`, init));
    };
    expect(await failure(transport)).toEqual(await failure(fetch));
  });

  test.each(['number', 'object'])('the content type of a body that is a %s', async (type) => {
    const body = (type === 'number' ? 12 : { an: 'object' }) as never;
    const types = [];
    for (const send of [fetch, transport, createFetch({ fetch: transport })]) {
      await (await send(`${server.url}echo`, posted(body))).text();
      types.push(server.exchanges.at(-1)!.request.headers['content-type']);
    }
    expect(types).toEqual(Array(3).fill('text/plain;charset=UTF-8'));
  });

  test('a redirect to another origin drops the credentials', async () => {
    await using other = await origin(({ request, response }) => response.end(JSON.stringify(request.headers)));
    const headers = { authorization: 'secret', cookie: 'a=b', 'x-own': 'kept' };
    const url = `${server.url}redirect/307?to=${encodeURIComponent(other.url)}`;
    const received = (await (await transport(url, { headers })).json()) as Record<string, string>;
    expect(received).toMatchObject({ 'x-own': 'kept', host: new URL(other.url).host });
    expect([received['authorization'], received['cookie']]).toEqual([undefined, undefined]);
  });

  test('a Content-Length that differs from the length of the body is refused, where the global fetch waits without end', async () => {
    const call = transport(`${server.url}echo`, { ...posted('four'), headers: { 'content-length': '3' } });
    await expect(call).rejects.toMatchObject({ cause: { code: 'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH' } });
    expect(server.exchanges).toEqual([]);
  });

  test('deflate in the raw format, which some servers send', async () => {
    await using bare = await origin(({ response }) => {
      response.setHeader('content-encoding', 'deflate').end(deflateRawSync('bare'));
    });
    expect(await (await transport(bare.url)).text()).toBe('bare');
  });

  test.for<[string, () => BodyInit]>([
    ['a form', form],
    ['a text', () => 'text'],
    ['parameters', () => new URLSearchParams({ a: '1' })],
    ['no byte', () => ''],
  ])('a Request of %s, with its length', async ([, body]) => {
    const length = async (fetch: typeof globalThis.fetch): Promise<unknown> => {
      await (await fetch(new Request(`${server.url}echo`, posted(body())))).text();
      const { headers } = server.exchanges.at(-1)!.request;
      return [headers['content-length'], headers['transfer-encoding']];
    };
    expect(await length(transport)).toEqual(await length(fetch));
  });

  test('a Request, which can be sent once', async () => {
    const request = new Request(`${server.url}echo`, posted('once'));
    expect(await (await transport(request)).text()).toBe('POST /echo once');
    await expect(transport(request)).rejects.toBeInstanceOf(TypeError);
    expect(server.exchanges[0]!.request.headers['content-length']).toBe('4');
  });
});

test.each([
  ['undici()', 'undici()'],
  ['createFetch() over undici()', 'createFetch({ fetch: undici() })'],
  ['createFetch() over the global fetch', 'createFetch()'],
  ['retry() over undici()', 'createFetch({ fetch: undici(), use: [retry()] })'],
])('%s raises no uncaught error when a Request of a form is aborted at once', async (_, expression) => {
  const { code, stderr } = await exitsByItself(`
    import { undici } from './adapters/transport/undici/undici.ts';
    import { createFetch, retry } from './src/index.ts';
    const fetch = ${expression};
    for (const early of [true, false]) {
      const controller = new AbortController();
      const body = new FormData();
      body.append('file', new File(['bytes'], 'name'));
      const request = new Request('http://127.0.0.1:9999/', { method: 'POST', body, signal: controller.signal });
      if (early) controller.abort();
      const call = fetch(request);
      controller.abort();
      await call.catch(({ name }) => name === 'AbortError' || process.exit(2));
      if (!early || !request.bodyUsed) await request.text().then(() => process.exit(3), () => undefined);
    }
  `);
  expect([code, stderr]).toEqual([0, '']);
});

test.each([
  ['an abort', '/stall/body', 'AbortError'],
  ['a failure', '/reset/amid-body', 'TypeError'],
])('a reader that waits for `closed` and reads nothing learns of %s', async (_, path, name) => {
  const server = await faultServer();
  const controller = new AbortController();
  const response = await transport(server.url(path), { signal: controller.signal });
  const { closed } = response.body!.getReader();
  if (path === '/stall/body') controller.abort();
  await expect(closed).rejects.toMatchObject({ name });
  await server.close();
});
