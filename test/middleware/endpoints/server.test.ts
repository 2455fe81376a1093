import { getEventListeners, once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import { constant, createFetch, endpoints, observe, retry, timeout, type Endpoint, type KyoaEvent } from 'kyoa';
import { afterEach, describe, expect, test, vi } from 'vitest';

import { faultServer, type FaultServer } from '../../support/faults.ts';
import { exitsByItself } from '../../support/sockets.ts';

describe('endpoints on real servers', () => {
  const servers: FaultServer[] = [];
  const open = async (count: number): Promise<FaultServer[]> => {
    for (let n = 0; n < count; n += 1) servers.push(await faultServer());
    return servers;
  };
  afterEach(async () => {
    await Promise.all(servers.splice(0).map((server) => server.close()));
  });
  const allServers = (): Endpoint[] => servers.map(({ origin }) => ({ url: origin }));
  const calls = async (fetch: (url: string) => Promise<Response>, count: number, midway?: () => void) => {
    let made = 0;
    const statuses: number[] = [];
    await Promise.all(
      Array.from({ length: 16 }, async () => {
        while (made < count) {
          made += 1;
          if (made === count / 2) midway?.();
          const response = await fetch('http://service.internal/ok?size=100');
          await response.text();
          statuses.push(response.status);
        }
      }),
    );
    return statuses;
  };

  test('release a response that is dropped unread after attempts that failed', async () => {
    const silent = (): void => {};
    const endless = (_: IncomingMessage, response: ServerResponse): void => void response.write('a');
    const list = await Promise.all([silent, silent, endless].map((respond) => listening(respond)));
    const fetch = createFetch({
      use: [
        timeout({ total: 60_000 }),
        retry({ backoff: constant(1) }),
        endpoints(list.map((server, n) => ({ url: originOf(server), weight: 10 ** (6 - 3 * n) }))),
        timeout({ headers: 50 }),
      ],
    });
    const { signal } = new AbortController();
    for (let n = 0; n < 5; n += 1) expect((await fetch('http://service.internal/', { signal })).status).toBe(200);
    await vi.waitFor(() => {
      globalThis.gc!();
      expect(getEventListeners(signal, 'abort')).toHaveLength(0);
    }, 5_000);
    for (const server of list) {
      server.closeAllConnections();
      server.close();
    }
  });

  test('fails no call inside retry when an endpoint dies', async () => {
    const [first, second, third] = await open(3);
    const events: KyoaEvent[] = [];
    const route = endpoints(allServers());
    const fetch = createFetch({
      use: [observe((event) => events.push(event)), retry({ backoff: constant(1) }), route],
    });
    let closed: Promise<void> | undefined;
    const statuses = await calls(fetch, 600, () => (closed = first!.close()));
    await closed;
    servers.splice(0, 1);
    expect(statuses).toHaveLength(600);
    expect(new Set(statuses)).toEqual(new Set([200]));
    expect(events.filter(({ type }) => type === 'endpoint.ejected')).toMatchObject([{ url: first!.origin }]);
    // Only the requests that the dead endpoint left without a response are sent twice.
    const answered = events.filter((event) => event.type === 'attempt.answered').length;
    expect(first!.count() + second!.count() + third!.count()).toBeGreaterThanOrEqual(answered);
    expect(second!.count() + third!.count()).toBeGreaterThan(300);
    expect(route.snapshot().map(({ state, inFlight }) => [state, inFlight])).toEqual([
      ['ejected', 0],
      ['available', 0],
      ['available', 0],
    ]);
  });

  test('avoids an endpoint that responds with 503, and uses it again when it has recovered', async () => {
    const [first] = await open(2);
    const route = endpoints(allServers(), { eject: { failures: 3, for: 100 } });
    const fetch = createFetch({ use: [retry({ backoff: constant(1), budget: false }), route] });
    first!.outage = 503;
    expect(new Set(await calls(fetch, 200))).toEqual(new Set([200]));
    expect(first!.count()).toBeLessThan(60);
    first!.outage = false;
    const before = first!.count();
    await vi.waitFor(async () => {
      await calls(fetch, 20);
      expect(first!.count()).toBeGreaterThan(before);
    });
  });

  test('responds to every call while its list changes', async () => {
    const [first, second, third] = await open(3);
    const route = endpoints([{ url: first!.origin }, { url: second!.origin }]);
    const fetch = createFetch({ use: [route] });
    let movedAt = 0;
    const statuses = await calls(fetch, 400, () => {
      route.update([{ url: third!.origin }]);
      movedAt = third!.count();
    });
    expect(new Set(statuses)).toEqual(new Set([200]));
    expect(movedAt).toBe(0);
    expect(first!.count() + second!.count() + third!.count()).toBe(400);
    expect(third!.count()).toBeGreaterThan(150);
    expect(route.snapshot()).toMatchObject([{ url: third!.origin, inFlight: 0, state: 'available' }]);
  });

  test('counts a call as in flight until its body is read', async () => {
    const [first] = await open(1);
    const route = endpoints(allServers());
    const fetch = createFetch({ use: [route] });
    const response = await fetch('http://service.internal/ok', { method: 'POST', body: 'hello' });
    expect(route.snapshot()[0]).toMatchObject({ inFlight: 1 });
    expect(await response.json()).toMatchObject({ method: 'POST', body: 'hello', path: '/ok' });
    expect(response.url).toBe(first!.url('/ok'));
    expect(route.snapshot()[0]).toMatchObject({ inFlight: 0 });
    // The request has a length, as if it had been sent to the endpoint directly.
    expect(first!.last!.headers).toMatchObject({ 'content-length': '5' });
    await (await fetch(new Request('http://service.internal/ok', { method: 'POST', body: 'hello' }))).text();
    expect(first!.last!.headers).toMatchObject({ 'content-length': '5' });
  });

  test('lets the process exit', async () => {
    const [first] = await open(2);
    const { code, stderr } = await exitsByItself(`
      import { createFetch, endpoints, retry } from './src/index.ts';
      const route = endpoints(${JSON.stringify(allServers())}, { pick: 'fastest' });
      const fetch = createFetch({ use: [retry(), route] });
      for (let n = 0; n < 10; n += 1) await (await fetch('http://service.internal/ok')).text();
    `);
    expect([code, stderr]).toEqual([0, '']);
    expect(first!.count()).toBeGreaterThan(0);
  });
});

async function listening(respond: (request: IncomingMessage, response: ServerResponse) => void): Promise<Server> {
  const server = createServer(respond).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

function originOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
