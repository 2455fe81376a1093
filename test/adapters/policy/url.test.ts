import { url } from 'kyoa/policy/sources';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { startDocuments, type Documents } from '../../support/policy/documents.ts';
import { standIn } from '../../support/policy/stand-in.ts';
import { pauses, watched } from '../../support/policy/watched.ts';

let server: Documents;
beforeEach(async () => {
  server = await startDocuments();
});
afterEach(async () => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
  vi.useRealTimers();
  await server[Symbol.asyncDispose]();
});

describe('url', () => {
  test('has the address as its name, without the query, which may be a secret', () => {
    const { name } = url('https://ada:s3cret@config.example.com/shop.json?sig=s3cret#part');
    expect(name).toBe('url https://config.example.com/shop.json?…');
  });

  test('asks for the document with its query', async () => {
    server.text = '{}';
    await using watch = watched(url(`${server.address}/shop.json?sig=a`));
    await watch.until(() => true);
    expect(server.asked[0]).toMatchObject({ method: 'GET', path: '/shop.json' });
    expect(server.asked[0]!.query.get('sig')).toBe('a');
  });

  test.each(['etag', 'last-modified'] as const)('sends the %s of the last response', async (validator) => {
    Object.assign(server, { text: '{}', validator });
    await using watch = watched(url(server.address, { interval: 10 }));
    await server.until(() => server.asked.length === 3);
    expect(watch.said.length).toBe(1);
    const [first, , third] = server.asked.map(({ headers }) => headers);
    const name = validator === 'etag' ? 'if-none-match' : 'if-modified-since';
    expect(first![name]).toBeUndefined();
    expect(`document ${third![name]}: {}`).toBe(watch.said[0]);
  });

  test('compares the texts where the server has nothing to compare', async () => {
    Object.assign(server, { text: '{"a":1}', validator: 'none' });
    await using watch = watched(url(server.address, { interval: 10 }));
    await server.until(() => server.asked.length === 3);
    server.text = '{"a":2}';
    await watch.until((last) => last.endsWith('2}'));
    expect(watch.said).toEqual(['document: {"a":1}', 'document: {"a":2}']);
  });

  test('has no use for a Cache-Control', async () => {
    Object.assign(server, { text: '{}', headers: { 'cache-control': 'max-age=86400, immutable' } });
    await using watch = watched(url(server.address, { interval: 10 }));
    await server.until(() => server.asked.length === 3);
    expect(watch.said.length).toBe(1);
  });

  test.each([404, 410])('takes %i for no document', async (status) => {
    Object.assign(server, { text: '{}', status });
    await using watch = watched(url(server.address, { interval: 10 }));
    await watch.until((last) => last === 'absent');
    server.status = 200;
    await watch.until((last) => last.endsWith('{}'));
  });

  test.each([
    [401, 'HTTP 401; check the credentials of the source'],
    [403, 'HTTP 403; check the credentials of the source'],
    [500, 'HTTP 500'],
  ])('fails with the status %i', async (status, message) => {
    server.status = status;
    await using watch = watched(url(server.address));
    expect(await watch.until(() => true)).toBe(`failed: url ${server.address}: ${message}`);
  });

  test('reports each failure, and after them the document although it did not change', async () => {
    server.text = '{}';
    await using watch = watched(url(server.address, { interval: 20 }));
    await watch.until(() => true);
    server.status = 500;
    await watch.until((_, said) => said.length === 4);
    server.status = 200;
    await watch.until((last) => last.endsWith('{}'));
    const failures = watch.said.slice(1, -1);
    expect(new Set(failures)).toEqual(new Set([`failed: url ${server.address}: HTTP 500`]));
  });

  test('waits up to a tenth less than the interval', async () => {
    const { next } = pauses(10_000);
    const random = vi.spyOn(Math, 'random').mockReturnValue(0);
    server.text = '{}';
    await using _ = watched(url(server.address));
    expect(await next()).toBe(60_000);
    random.mockReturnValue(1);
    expect(await next()).toBe(54_000);
  });

  test('doubles the pause after each failure up to the interval, and begins anew after a success', async () => {
    const { next } = pauses(10_000);
    const random = vi.spyOn(Math, 'random').mockReturnValue(1);
    server.status = 503;
    await using _ = watched(url(server.address, { interval: 5_000 }));
    expect([await next(), await next(), await next(), await next()]).toEqual([1_000, 2_000, 4_000, 5_000]);
    random.mockReturnValue(0);
    server.status = 404;
    expect(await next()).toBe(5_000);
    server.status = 503;
    expect([await next(), await next()]).toEqual([500, 1_000]);
  });

  test('sends its headers and the credentials of the address, and those no further than to the server', async () => {
    await using other = await standIn((_, response) => void response.end('{"moved":true}'));
    Object.assign(server, { status: 302, headers: { location: other.address } });
    const address = server.address.replace('//', '//ada:p%C3%A4ss@');
    await using watch = watched(url(address, { headers: { 'x-team': 'shop' } }));
    expect(await watch.until(() => true)).toBe('document: {"moved":true}');
    const { authorization, 'x-team': team, accept } = server.asked[0]!.headers;
    expect(team).toBe('shop');
    expect(accept).toBe('application/json');
    expect(Buffer.from(authorization!.replace('Basic ', ''), 'base64').toString()).toBe('ada:päss');
    expect(other.asked[0]!.headers.authorization).toBeUndefined();
  });

  test('refuses a text that is not UTF-8', async () => {
    server.text = Buffer.from('{"a":"ä"}', 'latin1');
    await using watch = watched(url(server.address));
    expect(await watch.until(() => true)).toMatch(/: the document is not UTF-8; save it as UTF-8$/);
  });

  test('uses a substitute of the global fetch that comes later', async () => {
    const it = url('https://config.example.com/');
    vi.spyOn(globalThis, 'fetch').mockImplementation(async () => new Response('{"mocked":true}'));
    await using watch = watched(it);
    expect(await watch.until(() => true)).toBe('document: {"mocked":true}');
  });
});
