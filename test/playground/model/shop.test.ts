import { afterEach, describe, expect, test, vi } from 'vitest';

import { createShop, shopLimit } from '../../../playground/model/shop.ts';

/** The server works on an order until the test lets its time pass. */
const holdWork = (): void => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
afterEach(() => vi.useRealTimers());

describe('the shop', () => {
  test('without policies executes an order again whose response was lost', async () => {
    const shop = createShop('bare', () => true);
    await shop.order('a');
    expect(shop.executions().get('a')).toBe(2);
    expect(shop.deliveries().map(({ state }) => state)).toEqual(['executed', 'executed']);
  });

  test('with createHandler executes it once, and replays the response', async () => {
    const shop = createShop('kyoa', () => true);
    await shop.order('a');
    expect(shop.executions().get('a')).toBe(1);
    expect(shop.deliveries().map(({ state }) => state)).toEqual(['replayed', 'executed']);
  });

  test('with createHandler lets a repeat wait for the first request', async () => {
    holdWork();
    const shop = createShop('kyoa', () => false);
    const both = Promise.all([shop.order('a'), shop.order('a')]);
    await expect.poll(() => shop.deliveries().map(({ state }) => state)).toEqual(['waiting', 'running']);
    await vi.advanceTimersByTimeAsync(5_000);
    await both;
    expect(shop.executions().get('a')).toBe(1);
    expect(shop.deliveries().map(({ state }) => state)).toEqual(['replayed', 'executed']);
  });

  test('with createHandler executes a few orders at a time, and refuses what its queue has no room for', async () => {
    holdWork();
    const shop = createShop('kyoa', () => false);
    const orders = Array.from({ length: 7 }, (_, i) => shop.order(`order-${i}`));
    const count = (state: string): number => shop.deliveries().filter((each) => each.state === state).length;
    await expect.poll(() => [count('running'), count('waiting'), count('refused')]).toEqual([2, 4, 1]);
    expect(shopLimit).toEqual({ concurrency: 2, queue: 4 });
    await vi.advanceTimersByTimeAsync(20_000);
    await Promise.all(orders);
    expect([...shop.executions().values()]).toEqual([1, 1, 1, 1, 1, 1, 1]);
  });
});
