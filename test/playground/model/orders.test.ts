import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { createOrderApp, fateOf, type OrderApp } from '../../../playground/model/orders.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const time = (ms: number): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);
const states = (app: OrderApp): string[] => app.orders().map(({ state, executions }) => `${state} ${executions}`);

/** One order is executed while its response is lost, one is made offline. Then the page is loaded again, and the network is back. */
async function goesAway(app: OrderApp): Promise<void> {
  app.order();
  await time(400);
  app.setOnline(false);
  await time(400);
  app.order();
  await time(400);
  app.reload();
  await time(2_000);
  app.setOnline(true);
  await time(20_000);
}

test('with an outbox, orders that are made without a network arrive once after a reload', async () => {
  const app = createOrderApp('kyoa');
  await goesAway(app);
  expect(states(app)).toEqual(['arrived 1', 'arrived 1']);
});

test('with a list in the page, an order that is made without a network is lost with the page', async () => {
  const app = createOrderApp('plain');
  await goesAway(app);
  expect(states(app)).toEqual(['lost 0', 'lost 1']);
  expect(app.orders().map(fateOf)).toEqual(['lost', 'unnoticed']);
});

test('with a list in the page, an order whose response is lost is executed twice', async () => {
  const app = createOrderApp('plain');
  app.order();
  await time(400);
  app.setOnline(false);
  await time(400);
  app.setOnline(true);
  await time(2_000);
  expect(states(app)).toEqual(['arrived 2']);
  expect(app.orders().map(fateOf)).toEqual(['doubled']);
});

test.for(['kyoa', 'plain'] as const)('%s: an order arrives while there is a network', async (lane) => {
  const app = createOrderApp(lane);
  app.order();
  expect(states(app)).toEqual(['sending 0']);
  await time(2_000);
  expect(states(app)).toEqual(['arrived 1']);
});
