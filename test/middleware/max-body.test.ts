import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { undici } from '../../adapters/transport/undici/undici.ts';
import {
  BodySizeError,
  createFetch,
  maxBody,
  observe,
  retry,
  type KyoaEvent,
  type KyoaFetch,
  type Middleware,
} from '../../src/index.ts';
import { flood, origin, type Origin } from '../support/origin.ts';
import { reasonOf } from '../support/promises.ts';

const kB = 1_000;
/** 100 kB that are 0.1 kB on the wire. */
const compressed = gzipSync(Buffer.alloc(100 * kB));

describe.each(['the global fetch', 'undici()'])('maxBody on %s', (name) => {
  let server: Origin;
  const events: KyoaEvent[] = [];
  const transport = name === 'undici()' ? undici() : undefined;

  beforeEach(async () => {
    events.length = 0;
    server = await origin((exchange) => {
      const { request, response } = exchange;
      if (request.url === '/endless') flood(exchange);
      else if (request.url === '/gzip') response.setHeader('content-encoding', 'gzip').end(compressed);
      else response.setHeader('content-length', 10 * kB).end(request.method === 'HEAD' ? '' : Buffer.alloc(10 * kB));
    });
  });
  afterEach(() => server[Symbol.asyncDispose]());

  function fetchWith(...use: readonly Middleware[]): KyoaFetch {
    return createFetch({
      use: [observe((event) => events.push(event)), ...use],
      ...(transport && { fetch: transport }),
    });
  }

  test('passes a body of exactly its length', async () => {
    const response = await fetchWith(maxBody(10 * kB))(server.url);
    expect((await response.bytes()).byteLength).toBe(10 * kB);
    expect(events.map(({ type }) => type)).not.toContain('max-body.exceeded');
  });

  test('refuses an announced body with the headers, closes its connection, and is not retried', async () => {
    const error = await reasonOf(fetchWith(retry(), maxBody(10 * kB - 1))(server.url));
    expect(error).toBeInstanceOf(BodySizeError);
    expect(error).toMatchObject({ code: 'BODY_TOO_LARGE', limit: 10 * kB - 1 });
    expect((error as Error).message).toBe(
      `The body of GET ${server.url} has more than 9999 bytes; raise maxBody, or ask for less`,
    );
    expect(events.find(({ type }) => type === 'max-body.exceeded')).toMatchObject({ limit: 10 * kB - 1 });
    expect(server.exchanges).toHaveLength(1);
  });

  const reads: Record<string, (response: Response) => Promise<unknown>> = {
    'text()': (response) => response.text(),
    'arrayBuffer()': (response) => response.arrayBuffer(),
    pipeTo: (response) => response.body!.pipeTo(new WritableStream()),
    'text() of a clone': (response) => response.clone().text(),
  };

  test.for(Object.keys(reads))('fails %s where a body exceeds it, and closes the connection', async (how) => {
    const response = await fetchWith(maxBody(50 * kB))(`${server.url}endless`);
    expect(await reasonOf(reads[how]!(response))).toBeInstanceOf(BodySizeError);
    expect(await server.exchanges[0]!.over).toBe('cut');
  });

  test('counts the bytes after decompression', async () => {
    const fetch = fetchWith(maxBody(99 * kB));
    expect(await reasonOf((await fetch(`${server.url}gzip`)).text())).toBeInstanceOf(BodySizeError);
    expect((await (await fetch(`${server.url}gzip`, { maxBody: 100 * kB })).bytes()).byteLength).toBe(100 * kB);
  });

  test('does not count the length that a response to a HEAD announces', async () => {
    expect((await fetchWith(maxBody(1))(server.url, { method: 'HEAD' })).status).toBe(200);
  });

  test('is switched off or raised by a call', async () => {
    const fetch = fetchWith(maxBody({ bytes: 1 }));
    for (const override of [false, 10 * kB, { bytes: 10 * kB }]) {
      expect((await (await fetch(server.url, { maxBody: override })).bytes()).byteLength).toBe(10 * kB);
    }
  });
});

test('maxBody refuses a limit that is no number of bytes, and names it', () => {
  for (const bytes of [0, -1, 1.5, Number.NaN, '1MB', undefined]) {
    expect(() => maxBody(bytes as number)).toThrow('maxBody bytes must be a whole number of 1 or more');
  }
});
