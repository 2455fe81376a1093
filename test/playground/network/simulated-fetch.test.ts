import { memory } from 'kyoa';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Network } from '../../../playground/network/network.ts';
import type { Patch } from '../../../playground/network/settings.ts';
import { simulatedNetwork } from '../../../playground/network/simulated-network.ts';
import { startFlaky } from '../../../playground/server/flaky.ts';
import { calm } from '../calm.ts';
import { reasonOf } from '../../support/promises.ts';

describe('the simulated network', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  test('responds after its latency with a real Response', async () => {
    const network = open({ latency: { median: 30, sigma: 0 } });
    const response = network.fetch(`${network.origin}/us/kyoa/api/items?id=7`);
    await vi.advanceTimersByTimeAsync(29);
    expect(vi.getTimerCount()).toBe(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(await response).toBeInstanceOf(Response);
    expect(await (await response).json()).toEqual({ lane: 'kyoa', region: 'us', path: 'items', id: '7' });
  });

  test('breaks a connection with a TypeError', async () => {
    const network = open({ outage: true });
    await expect(network.fetch(`${network.origin}/api/items`)).rejects.toThrow(new TypeError('Failed to fetch'));
  });

  test('has settings for each region', async () => {
    const network = open({ regions: { us: { outage: true }, ap: { errors: 1 } } });
    const status = async (region: string): Promise<number | string> => {
      const outcome = network.fetch(`${network.origin}/${region}/api/items`).then(
        (response) => response.status,
        () => 'broken',
      );
      await vi.advanceTimersByTimeAsync(0);
      return outcome;
    };
    expect([await status('eu'), await status('us'), await status('ap')]).toEqual([200, 'broken', 503]);
  });

  test('sends Retry-After with its errors if the settings have one', async () => {
    const network = open({ errors: { rate: 1, statuses: [429], retryAfter: 2 } });
    const response = network.fetch(`${network.origin}/api/items`);
    await vi.advanceTimersByTimeAsync(0);
    expect((await response).headers.get('retry-after')).toBe('2');
  });

  test.each([{ stalls: 1 }, { latency: { median: 1_000 } }])(
    'rejects with the reason of an abort and leaves no timer, with %j',
    async (patch) => {
      const network = open(patch);
      const caller = new AbortController();
      const pending = network.fetch(`${network.origin}/api/items`, { signal: caller.signal });
      const reason = new Error('enough');
      caller.abort(reason);
      await expect(pending).rejects.toBe(reason);
      expect(vi.getTimerCount()).toBe(0);
      expect((await network.stats())['direct']?.outcomes.abandoned).toBe(1);
    },
  );

  test('sends a dripping body in ten pieces, until an abort', async () => {
    const network = open({ drip: { share: 1, gap: 50 } });
    const caller = new AbortController();
    const url = `${network.origin}/api/items?id=${'x'.repeat(100)}`;
    const [whole, cut] = [network.fetch(url), network.fetch(url, { signal: caller.signal })];
    await vi.advanceTimersByTimeAsync(0);
    const text = (await whole).text();
    const broken = reasonOf((await cut).text());
    await vi.advanceTimersByTimeAsync(300);
    const reason = new Error('enough');
    caller.abort(reason);
    expect(await broken).toBe(reason);
    await vi.advanceTimersByTimeAsync(200);
    expect(JSON.parse(await text)).toMatchObject({ id: 'x'.repeat(100) });
    expect(vi.getTimerCount()).toBe(0);
  });

  test('stops a dripping body when its reader cancels it', async () => {
    const network = open({ drip: { share: 1, gap: 50 } });
    const response = network.fetch(`${network.origin}/api/items`);
    await vi.advanceTimersByTimeAsync(0);
    await (await response).body!.cancel();
    await vi.advanceTimersByTimeAsync(50);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('starts its script again with a new seed', async () => {
    const network = open({ errors: { rate: 0.5 } });
    const before = await script(network);
    expect(await script(network)).not.toEqual(before);
    await network.change({ seed: 1 });
    expect(await script(network)).toEqual(before);
  });
});

test('the simulated network plays the script of the flaky server', async () => {
  const patch = { errors: { rate: 0.3, statuses: [500, 503] }, resets: 0.2 };
  const simulated = open(patch);
  await using server = await flakyWith(patch);
  expect(await script(simulated)).toEqual(await script({ origin: server.url, fetch: globalThis.fetch }));
});

test('the simulated network and the flaky server break the bodies at the same bytes', async () => {
  const patch = { cuts: 0.5, drip: { share: 0.5, gap: 1 } };
  const simulated = open(patch);
  await using server = await flakyWith(patch);
  const lengths = async ({ origin, fetch }: Pick<Network, 'origin' | 'fetch'>): Promise<string[]> => {
    const found: string[] = [];
    for (let i = 0; i < 12; i += 1) {
      const reader = (await fetch(`${origin}/api/picture/${i}`)).body!.getReader();
      let length = 0;
      const end = await (async (): Promise<string> => {
        for (;;) {
          const { done, value } = await reader.read();
          if (done) return 'whole';
          length += value.byteLength;
        }
      })().catch((error: unknown) => (error instanceof TypeError ? 'broken' : String(error)));
      found.push(`${end} after ${length}`);
    }
    return found;
  };
  const found = await lengths(simulated);
  expect(new Set(found.map((end) => end.split(' ')[0]))).toEqual(new Set(['whole', 'broken']));
  expect(await lengths({ origin: server.url, fetch: globalThis.fetch })).toEqual(found);
  expect((await simulated.stats())['direct']?.outcomes.cut).toBe(found.filter((end) => end.startsWith('b')).length);
});

test('simulated networks on the same storage execute an order once under a key', async () => {
  const storage = memory();
  const tabs = [open({}, storage), open({}, storage)];
  const pay = (network: Network, order: string, key?: string): Promise<Response> =>
    network.fetch(`${network.origin}/kyoa/api/pay`, {
      method: 'POST',
      headers: key === undefined ? {} : { 'idempotency-key': key },
      body: JSON.stringify({ order }),
    });
  await Promise.all([1, 2, 3, 4].flatMap(() => tabs.map((tab) => pay(tab, 'a', 'key-a'))));
  await Promise.all(tabs.map((tab) => pay(tab, 'b')));
  expect(await tabs[0]!.payments()).toEqual([
    { lane: 'kyoa', order: 'b', arrivals: 2, executions: 2 },
    { lane: 'kyoa', order: 'a', arrivals: 8, executions: 1 },
  ]);
  await tabs[1]!.clearPayments();
  expect(await tabs[0]!.payments()).toEqual([]);
});

function open(patch: Patch, storage = memory()): Network {
  return simulatedNetwork({ settings: calm(patch), storage });
}

async function flakyWith(patch: Patch) {
  const flaky = await startFlaky({ settings: calm(patch) });
  return { url: flaky.url, [Symbol.asyncDispose]: () => flaky.close() };
}

/** The outcomes of twenty calls, one after the other. */
async function script({ origin, fetch }: Pick<Network, 'origin' | 'fetch'>): Promise<(number | string)[]> {
  const seen: (number | string)[] = [];
  for (let n = 0; n < 20; n += 1) {
    const outcome = fetch(`${origin}/api/items`).then(
      ({ status }) => status,
      () => 'broken',
    );
    if (vi.isFakeTimers()) await vi.advanceTimersByTimeAsync(0);
    seen.push(await outcome);
  }
  return seen;
}
