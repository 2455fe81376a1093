/** The state between two resets: the clock, both lanes, their counts and their records. */
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
  /** The time since the run began, ms. */
  now(): number;
  /** Replaces the stack. If the new stack has problems, they are returned and the previous stack remains in use. */
  use(stack: Stack): readonly Problem[];
  /** Makes the same call on both lanes. */
  call(): void;
  pay(order: string, lane: LaneName): Promise<PayResult>;
  /** Appends a row of measures to the ticks. */
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
  const storage = memory(); // for the history of the policies, which starts empty in each run
  let limit = Number.NaN;
  const builder = createBuilder({ origin: network.origin, onLimit: (ms) => (limit = ms) });

  const countedBy = (lane: LaneName): Middleware =>
    async function sent(_ctx, next) {
      lanes[lane].meter.sent();
      return next();
    };
  const fetchOf = (...use: readonly Middleware[]): Fetch => createFetch({ use, storage, fetch: network.fetch });
  const outer = [log.outermost, observe(log.record)];
  const inner = [counter.before('network'), log.innermost, countedBy('kyoa')];

  let entries: readonly string[] = ['network'];
  // Plain fetch has the same counter, so that both lanes bear its cost.
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
      // The id is in the query. All calls have the same route, for the latency history, but dedupe shares none of them.
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
