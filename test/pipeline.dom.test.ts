/**
 * The pipeline with the `fetch`, `Request`, `Response` and `AbortSignal` of a DOM library, as in component tests of
 * users.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import kyoa, { constant, createFetch, flush, memory, standard, TimeoutError } from '../src/index.ts';
import { watched } from './support/call.ts';
import { faultServer, type FaultServer } from './support/faults.ts';

describe('the pipeline in happy-dom', () => {
  let server: FaultServer;
  beforeAll(async () => {
    server = await faultServer();
  });
  afterAll(() => server.close());

  test('has the Response of happy-dom', () => {
    expect(navigator.userAgent).toContain('HappyDOM');
    expect(Response.toString()).not.toContain('native code');
  });

  test('retries over the fetch of the window', async () => {
    const { fetch, events } = watched(standard({ retry: { backoff: constant(1) } }));
    const response = await fetch(server.url('/sequence?statuses=503,503,200&id=dom'));
    expect(response).toBeInstanceOf(Response);
    expect(response.status).toBe(200);
    expect(response.url).toContain(server.origin);
    await response.text();
    expect(events.filter(({ type }) => type === 'retry.scheduled')).toHaveLength(2);
  });

  test('limits the body', async () => {
    const fetch = createFetch({ use: standard() });
    const stalled = await fetch(server.url('/stall/body'), { timeout: { total: 120 } });
    await expect(stalled.text()).rejects.toBeInstanceOf(TimeoutError);
    const whole = await fetch(server.url('/ok?size=50'));
    expect(whole.body).not.toBeNull();
    expect(await whole.text()).toHaveLength(50);
  });

  test('rejects with the caller’s reason', async () => {
    const leaving = new AbortController();
    const pending = createFetch({ use: standard() })(server.url('/blackhole'), { signal: leaving.signal });
    leaving.abort('left');
    await expect(pending).rejects.toBe('left');
  });

  test('gets and posts JSON with the client', async () => {
    const api = kyoa.create({ prefix: server.origin });
    expect(await api.get('ok').json()).toMatchObject({ method: 'GET' });
    expect(await api.post('ok', { json: { a: 1 } }).json()).toMatchObject({ method: 'POST', body: '{"a":1}' });
    await expect(api.get('status/418')).rejects.toMatchObject({ name: 'HTTPError' });
  });

  test('shares one request between callers, and replays a stored response', async () => {
    const fetch = createFetch({ use: standard() });
    const bodies = await Promise.all(
      Array.from({ length: 20 }, async () => (await fetch(server.url('/ok?size=70&delay=20'))).text()),
    );
    expect(bodies.map(({ length }) => length)).toEqual(Array.from({ length: 20 }, () => 70));
    expect(server.count('/ok?size=70&delay=20')).toBe(1);
    const pay = { method: 'POST', body: 'order', requestId: 'order-1' };
    const first = await (await fetch(server.url('/work?id=dom'), pay)).text();
    const again = await fetch(server.url('/work?id=dom'), pay);
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    expect(await again.text()).toBe(first);
    expect(server.executions('dom')).toBe(1);
  });

  test('writes the latency history when the page is hidden', async () => {
    const storage = memory();
    const fetch = createFetch({ use: standard(), storage });
    await (await fetch(server.url('/ok'))).text();
    window.dispatchEvent(new Event('pagehide'));
    await flush(storage);
    const entry = await storage.get(`latency headers GET ${server.origin}/ok`);
    expect(JSON.parse(entry!.value)).toHaveLength(1);
  });
});
