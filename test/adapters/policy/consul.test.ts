/** Against a stand-in for Consul: there is none for this machine. */
import { consul } from 'kyoa/policy/sources';
import { afterEach, describe, expect, test, vi } from 'vitest';

import { startConsul } from '../../support/policy/consul.ts';
import { standIn } from '../../support/policy/stand-in.ts';
import { pauses, watched } from '../../support/policy/watched.ts';

afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

describe('consul', () => {
  test('reads the raw key at once, then lets Consul hold each query', async () => {
    await using server = await startConsul();
    server.put('shop/a b', '{}');
    await using watch = watched(consul(server.address, 'shop/a b', { datacenter: 'eu-1' }));
    await server.until(() => server.asked.length === 2);
    const [first, second] = server.asked;
    expect(first!.path).toBe('/v1/kv/shop/a%20b');
    expect(Object.fromEntries(first!.query)).toEqual({ raw: '', wait: '240000ms', dc: 'eu-1', index: '0' });
    expect(second!.query.get('index')).toBe('11');
    expect(watch.said).toEqual(['document 11: {}']);
  });

  test('queries again after Consul has held a query for `wait`, and reports nothing', async () => {
    await using server = await startConsul();
    server.put('a', '{}');
    await using watch = watched(consul(server.address, 'a', { wait: 1_000 }));
    await server.until(() => server.asked.length === 4);
    expect(server.asked.map(({ query }) => query.get('index'))).toEqual(['0', '11', '11', '11']);
    expect(watch.said.length).toBe(1);
  });

  test('waits for a key that does not exist', async () => {
    await using server = await startConsul();
    await using watch = watched(consul(server.address, 'a'));
    await watch.until((last) => last === 'absent');
    await server.until(() => server.asked.length === 2);
    expect(server.asked[1]!.query.get('index')).toBe('10');
    server.put('a', '{}');
    await watch.until((last) => last === 'document 11: {}');
  });

  test('begins at index 0 when the index is lower than before', async () => {
    await using server = await startConsul();
    server.put('a', '{"old":1}');
    await using watch = watched(consul(server.address, 'a', { wait: 1_000 }));
    await server.until(() => server.open === 1 && server.asked.length === 2);
    server.restore('a', '{"restored":1}', 3);
    await watch.until((last) => last === 'document 3: {"restored":1}');
    await server.until(() => server.asked.length >= 4);
    expect(server.asked.slice(2, 4).map(({ query }) => query.get('index'))).toEqual(['0', '3']);
  });

  test('begins at index 0 after a failure, as the server may count from the start again', async () => {
    await using server = await startConsul();
    server.put('a', '{"old":1}');
    await using watch = watched(consul(server.address, 'a'));
    await server.until(() => server.asked.length === 2);
    await server.die();
    await watch.until((last) => last.startsWith('failed'));
    server.restore('a', '{"restored":1}', 3);
    await server.rise();
    await watch.until((last) => last === 'document 3: {"restored":1}');
  });

  test('pauses for 10 s where the index is 0, and for 1 s where a query is not held', async () => {
    const { next } = pauses(260_000);
    const indexes = ['', '0', '7'];
    await using server = await standIn((_, response) => {
      response.setHeader('x-consul-index', indexes.shift() ?? '7').end('{}');
    });
    await using watch = watched(consul(server.address, 'a'));
    expect([await next(), await next(), await next(), await next()]).toEqual([10_000, 10_000, 1_000, 1_000]);
    expect(watch.said.length).toBe(1);
  });

  test('sends its token, and fails without a right to the key or without a leader', async () => {
    await using server = await startConsul({ token: 's3cret' });
    server.put('a', '{}');
    await using refused = watched(consul(server.address, 'a', { token: 'wr0ng' }));
    expect(await refused.until(() => true)).toBe(
      `failed: consul ${server.address} a: HTTP 403; check the credentials of the source`,
    );
    await using watch = watched(consul(server.address, 'a', { token: 's3cret' }));
    await watch.until((last) => last === 'document 11: {}');
    server.status = 500;
    server.put('a', '{"b":1}');
    await watch.until((last) => last.endsWith('1}') || last === `failed: consul ${server.address} a: HTTP 500`);
    await watch.until((last) => last.endsWith('HTTP 500'));
    expect(JSON.stringify([watch.said, refused.said])).not.toContain('s3cret');
  });

  test('does not follow a redirect with its token', async () => {
    await using other = await startConsul();
    await using server = await standIn((_, response) => {
      response.writeHead(307, { location: `${other.address}/v1/kv/a` }).end();
    });
    await using watch = watched(consul(server.address, 'a', { token: 's3cret' }));
    expect(await watch.until(() => true)).toMatch(/: HTTP 307$/);
    expect(other.asked).toEqual([]);
  });
});
