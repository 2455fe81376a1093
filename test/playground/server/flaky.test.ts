import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { startFlaky } from '../../../playground/server/flaky.ts';
import type { Flaky } from '../../../playground/server/flaky.ts';
import { presets } from '../../../playground/network/presets.ts';
import type { Patch } from '../../../playground/network/settings.ts';
import { calm } from '../calm.ts';

describe('the flaky server', () => {
  test('plays the same script for the same seed', async () => {
    const rough = { seed: 11, errors: { rate: 0.3, statuses: [500, 503] }, resets: 0.2 };
    const one = await open(rough);
    const other = await open(rough);
    const script = await outcomes(one, '/api/items', 60);
    expect(await outcomes(other, '/api/items', 60)).toEqual(script);
    expect(new Set(script)).toEqual(new Set([200, 500, 503, 'broken']));
  });

  test('plays its script for each lane on its own', async () => {
    const flaky = await open({ errors: { rate: 0.3 }, resets: 0.2 });
    const plain = await outcomes(flaky, '/plain/api/items', 40);
    const kyoa = await outcomes(flaky, '/kyoa/api/items', 60);
    expect(kyoa.slice(0, 40)).toEqual(plain);
  });

  test('starts its script again with a new seed', async () => {
    const flaky = await open({ errors: { rate: 0.5 } });
    const script = await outcomes(flaky, '/api/items', 30);
    flaky.change({ seed: flaky.settings().seed });
    expect(flaky.stats()).toEqual({});
    expect(await outcomes(flaky, '/api/items', 30)).toEqual(script);
  });

  test('responds with an echo that every origin may read', async () => {
    const { url } = await open({});
    const response = await fetch(`${url}/plain/api/items?id=7`);
    expect(await response.json()).toEqual({ lane: 'plain', region: 'eu', path: 'items', id: '7' });
    expect(response.headers.get('access-control-allow-origin')).toBe('*');
  });

  test('grants a preflight of any method and header', async () => {
    const { url } = await open({ outage: true });
    const headers = { 'access-control-request-headers': 'idempotency-key, authorization' };
    const response = await fetch(`${url}/control`, { method: 'OPTIONS', headers });
    expect(response.status).toBe(204);
    expect(response.headers.get('access-control-allow-methods')).toContain('PUT');
    expect(response.headers.get('access-control-allow-headers')).toBe('idempotency-key, authorization');
  });

  test('sends Retry-After with its errors if the settings have one', async () => {
    const { url, change } = await open({ errors: { rate: 1, statuses: [429], retryAfter: 2 } });
    const limited = await fetch(`${url}/api/items`);
    expect([limited.status, limited.headers.get('retry-after')]).toEqual([429, '2']);
    change({ errors: { retryAfter: 0 } });
    expect((await fetch(`${url}/api/items`)).headers.has('retry-after')).toBe(false);
  });

  test('sends a whole dripping body', async () => {
    const { url } = await open({ drip: { share: 1, gap: 0 } });
    const response = await fetch(`${url}/api/items?id=${'x'.repeat(500)}`);
    expect(await response.json()).toMatchObject({ id: 'x'.repeat(500) });
  });

  test('responds with 404 to other paths', async () => {
    const { url } = await open({});
    expect((await fetch(`${url}/elsewhere`)).status).toBe(404);
    expect((await fetch(`${url}/control`, { method: 'POST' })).status).toBe(404);
  });
});

describe('the outage switch', () => {
  test('cuts every connection while it is on, and none after', async () => {
    const flaky = await open({});
    expect(await outcomes(flaky, '/api/items', 3)).toEqual([200, 200, 200]);
    flaky.change({ outage: true });
    expect(await outcomes(flaky, '/api/items', 3)).toEqual(['broken', 'broken', 'broken']);
    flaky.change({ outage: false });
    expect(await outcomes(flaky, '/api/items', 3)).toEqual([200, 200, 200]);
    expect(flaky.stats()['direct']).toMatchObject({ requests: 9, outcomes: { answered: 6, refused: 3 } });
  });

  test('leaves the control page reachable', async () => {
    const { url } = await open({ outage: true });
    const response = await put(url, { outage: false });
    expect(response.status).toBe(200);
    expect((await fetch(`${url}/api/items`)).status).toBe(200);
  });
});

describe('GET and PUT /control', () => {
  test('show the settings and change a part of them', async () => {
    const { url, settings } = await open({});
    const before = settings();
    expect(await (await fetch(`${url}/control`)).json()).toEqual(before);

    const response = await put(url, { errors: { rate: 0.25 } });
    const after = { ...before, errors: { ...before.errors, rate: 0.25 } };
    expect(await response.json()).toEqual(after);
    expect(settings()).toEqual(after);
  });

  test('take a preset by its name', async () => {
    const { url, settings } = await open({});
    await put(url, { preset: 'slow tail' });
    expect(settings()).toEqual(presets['slow tail']?.settings);
  });

  test.each([
    ['errors.rate', { errors: { rate: 2 } }],
    ['latency.slow.share', { latency: { slow: { share: 'half' } } }],
    ['outage', { outage: 1 }],
    ['colour', { colour: 'red' }],
    ['preset', { preset: 'sunny' }],
    ['settings', [1]],
    ['settings', null],
  ])('respond with 400 and name %s for %j', async (field, wish) => {
    const { url, settings } = await open({});
    const before = settings();
    const response = await put(url, wish);
    expect(response.status).toBe(400);
    expect(await response.json()).toEqual({ field, error: expect.stringContaining(field) as string });
    expect(settings()).toEqual(before);
  });

  test('respond with 400 to a body that is no JSON', async () => {
    const { url } = await open({});
    const response = await fetch(`${url}/control`, { method: 'PUT', body: '{' });
    expect(response.status).toBe(400);
  });

  test('have the presets beside them at GET /presets', async () => {
    const { url } = await open({});
    expect(await (await fetch(`${url}/presets`)).json()).toEqual(presets);
  });
});

describe('GET /stats', () => {
  test('counts requests by lane and outcome until DELETE /stats', async () => {
    const { url } = await open({ errors: { rate: 1 } });
    await fetch(`${url}/plain/api/items`);
    expect(await (await fetch(`${url}/stats`)).json()).toEqual({
      plain: {
        requests: 1,
        outcomes: { answered: 0, cut: 0, failed: 1, reset: 0, stalled: 0, refused: 0, abandoned: 0 },
      },
    });
    await fetch(`${url}/stats`, { method: 'DELETE' });
    expect(await (await fetch(`${url}/stats`)).json()).toEqual({});
  });

  test('counts a caller that aborts before the response', async () => {
    const flaky = await open({ latency: { median: 10_000, sigma: 0 } });
    const { leave, end } = await begin(flaky);
    leave();
    expect(await end).toBe('without a response');
    await vi.waitFor(() => expect(flaky.stats()['direct']?.outcomes.abandoned).toBe(1));
  });

  test('counts a request that gets no response', async () => {
    const flaky = await open({ stalls: 1 });
    const { leave, end } = await begin(flaky);
    expect(flaky.stats()['direct']?.outcomes.stalled).toBe(1);
    leave();
    expect(await end).toBe('without a response');
  });
});

describe('POST /api/pay', () => {
  test('executes an order once under a key, and replays the response', async () => {
    const flaky = await open({});
    const first = await pay(flaky, 'order-1', 'key-1');
    const second = await pay(flaky, 'order-1', 'key-1');
    expect(first.headers.get('idempotency-replayed')).toBe(null);
    expect(second.headers.get('idempotency-replayed')).toBe('true');
    expect(await second.json()).toEqual(await first.json());
    expect(await flaky.payments()).toEqual([{ lane: 'direct', order: 'order-1', arrivals: 2, executions: 1 }]);
  });

  test('executes an order each time it arrives without a key', async () => {
    const flaky = await open({});
    await pay(flaky, 'order-1');
    expect(await (await pay(flaky, 'order-1')).json()).toEqual({ order: 'order-1', execution: 2 });
    expect(await flaky.payments()).toEqual([{ lane: 'direct', order: 'order-1', arrivals: 2, executions: 2 }]);
  });

  test('executes no order that it responds to with an error', async () => {
    const flaky = await open({ errors: { rate: 1 } });
    expect((await pay(flaky, 'order-1', 'key-1')).status).toBe(503);
    expect(await flaky.payments()).toMatchObject([{ order: 'order-1', arrivals: 1, executions: 0 }]);
  });

  test('loses some responses after the order was executed', async () => {
    const flaky = await open({ resets: 1 });
    for (let n = 0; n < 20; n += 1) await pay(flaky, `order-${n}`).catch(() => 'broken');
    const executed = (await flaky.payments()).filter(({ executions }) => executions === 1).length;
    expect(executed).toBeGreaterThan(0);
    expect(executed).toBeLessThan(20);
  });

  test('responds with 400 without an order', async () => {
    const flaky = await open({});
    const response = await fetch(`${flaky.url}/api/pay`, { method: 'POST', body: '{}' });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ field: 'order' });
  });
});

describe('close', () => {
  test('ends the requests in flight, and frees the port', async () => {
    const flaky = await startFlaky({ settings: calm({ stalls: 1 }) });
    const { end } = await begin(flaky);
    await flaky.close();
    expect(await end).toBe('without a response');
    const again = await startFlaky({ settings: calm({}), port: Number(new URL(flaky.url).port) });
    await again.close();
    expect(again.url).toBe(flaky.url);
  });

  test('is not needed if the port is in use', async () => {
    const { url } = await open({});
    const taken = startFlaky({ settings: calm({}), port: Number(new URL(url).port) });
    await expect(taken).rejects.toThrow('EADDRINUSE');
  });
});

/** Starts a server that has only the given delays and faults, and closes it after the test. */
async function open(patch: Patch): Promise<Flaky> {
  const flaky = await startFlaky({ settings: calm(patch) });
  onTestFinished(() => flaky.close());
  return flaky;
}

/** The outcomes of requests, one after the other: a status, or a broken connection. */
async function outcomes({ url }: Flaky, path: string, count: number): Promise<(number | 'broken')[]> {
  const seen: (number | 'broken')[] = [];
  for (let n = 0; n < count; n += 1) {
    const response = await fetch(url + path).catch(() => undefined);
    await response?.arrayBuffer();
    seen.push(response?.status ?? 'broken');
  }
  return seen;
}

/** Starts a request that has arrived at the server, and that its caller can abort. */
async function begin(flaky: Flaky): Promise<{ leave: () => void; end: Promise<string> }> {
  const caller = new AbortController();
  const request = fetch(`${flaky.url}/api/items`, { signal: caller.signal });
  const end = request.then(
    () => 'answered',
    () => 'without a response',
  );
  await vi.waitFor(() => expect(flaky.stats()['direct']?.requests).toBe(1));
  return { leave: () => caller.abort(), end };
}

function put(url: string, wish: unknown): Promise<Response> {
  return fetch(`${url}/control`, { method: 'PUT', body: JSON.stringify(wish) });
}

function pay({ url }: Flaky, order: string, key?: string): Promise<Response> {
  return fetch(`${url}/api/pay`, {
    method: 'POST',
    headers: key === undefined ? {} : { 'idempotency-key': key },
    body: JSON.stringify({ order }),
  });
}
