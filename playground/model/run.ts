/** From one reset to the next: a clock, both lanes, and all that is counted and kept of what happens on them. */
import { createFetch, memory, observe } from 'kyoa';
import type { Middleware } from 'kyoa';
import type { Network } from '../network/network.ts';
import type { Fetch } from '../network/simulated-fetch.ts';
import { createCallLog } from './calls.ts';
import { createLane } from './lane.ts';
import { createLayerCounter } from './layers.ts';
import { createBuilder } from './stack.ts';
import { createTicks } from './ticks.ts';
import type { CallRecord, LaneName, LayerCounts, PayResult, Problem, Session, Stack } from './types.ts';

export interface Run extends Pick<Session, 'measures' | 'ticks' | 'dots'> {
  /** ms since it began. */
  now(): number;
  /** Takes a stack, or says why it cannot; the one before then goes on. */
  use(stack: Stack): readonly Problem[];
  /** The same call on both lanes, at the same moment. */
  call(): void;
  pay(order: string, lane: LaneName): Promise<PayResult>;
  /** Writes a row of the measures. */
  tick(): void;
  layers(): readonly LayerCounts[];
  calls(): readonly CallRecord[];
  close(): Promise<void>;
}

export function createRun(network: Network): Run {
  const began = performance.now();
  const now = (): number => performance.now() - began;
  const lanes = { plain: createLane(now), kyoa: createLane(now) };
  const counter = createLayerCounter();
  const log = createCallLog(now);
  const ticks = createTicks();
  const storage = memory(); // of what the policies learn: it begins anew with each run
  let limit = Number.NaN;
  const builder = createBuilder({ origin: network.origin, onLimit: (ms) => (limit = ms) });

  const countedBy = (lane: LaneName): Middleware =>
    async function sent(_ctx, next) {
      lanes[lane].meter.sent();
      return next();
    };
  const fetchOf = (...use: readonly Middleware[]): Fetch => createFetch({ use, storage, fetch: network.fetch });
  const outer = [log.outermost, observe(log.hear)];
  const inner = [counter.before('network'), log.innermost, countedBy('kyoa')];

  let entries: readonly string[] = ['network'];
  // Plain fetch passes the same counter, and so pays for it as well.
  const fetches = { plain: fetchOf(countedBy('plain')), kyoa: fetchOf(...outer, ...inner) };
  let calls = 0;

  const send = async (lane: LaneName, path: string, init?: RequestInit): ReturnType<typeof lanes.kyoa.call> => {
    const result = await lanes[lane].call(fetches[lane], `${network.origin}/${lane}/api/${path}`, init);
    if (result.response !== undefined) log.close(result.response, result);
    return result;
  };

  return {
    now,
    use(stack) {
      const { layers, problems } = builder.build(stack);
      if (problems.length > 0) return problems;
      if (!stack.some(({ on, options }) => on && 'headers.kind' in options)) limit = Number.NaN;
      entries = [...layers.map(({ entry }) => entry), 'network'];
      const onion = layers.flatMap(({ entry, policy }) => [counter.before(entry), policy]);
      fetches.kyoa = fetchOf(...outer, ...onion, ...inner);
      return [];
    },
    call() {
      // The id is in the query: one route, whose latencies can be learnt, but no two equal calls to be shared.
      for (const lane of ['plain', 'kyoa'] as const) void send(lane, `items?id=${calls}`);
      calls += 1;
    },
    async pay(order, lane) {
      const result = await send(lane, 'pay', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ order }),
        ...(lane === 'kyoa' && { requestId: order }),
      });
      const replayed = result.response?.headers.get('idempotency-replayed') === 'true';
      return { order, replayed, outcome: result.outcome, duration: result.duration, label: result.label };
    },
    tick() {
      ticks.push({ time: now(), plain: lanes.plain.meter.read(), kyoa: lanes.kyoa.meter.read(), limit });
    },
    layers: () => counter.read(entries),
    calls: log.read,
    measures: (lane) => lanes[lane].meter.read(),
    ticks: () => ticks.read(),
    dots: (lane) => lanes[lane].dots.read(),
    close: () => builder.close(),
  };
}
