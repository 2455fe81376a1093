/** The state between two resets: the clock, the lanes, their counts and their records. */
import { createFetch, memory, observe } from 'kyoa';
import type { Middleware } from 'kyoa';
import type { Network } from '../network/network.ts';
import type { Fetch } from '../network/simulated-fetch.ts';
import { createCallLog } from './calls.ts';
import { createClock } from './clock.ts';
import type { Clock } from './clock.ts';
import { keysFor, pathOf } from './demand.ts';
import { countedBy, createLane } from './lane.ts';
import type { Lane, ReadBody } from './lane.ts';
import { createLayerCounter } from './layers.ts';
import { stateOf } from './policy-state.ts';
import { createRivals } from './rivals.ts';
import { createBuilder } from './stack.ts';
import type { BuiltLayer } from './stack.ts';
import { createTicks } from './ticks.ts';
import type {
  CallRecord,
  LaneName,
  LayerCounts,
  PayResult,
  Problem,
  Rival,
  Session,
  Settings,
  Stack,
} from './types.ts';

export interface Run extends Pick<Session, 'measures' | 'ticks' | 'dots' | 'paid' | 'send' | 'load' | 'state'> {
  readonly clock: Clock;
  /**
   * Replaces the stacks, and starts all counts and figures again, so that they begin together. If the new stack has
   * problems, they are returned and the previous stack remains in use.
   */
  use(stack: Stack, rivals?: readonly Rival[]): readonly Problem[];
  /** Aborts the calls that are running, on all lanes. */
  leave(): void;
  /** Makes the same call on all lanes. */
  call(demand: Settings['calls']): void;
  pay(order: string, lane: LaneName): Promise<PayResult>;
  /** Appends a row of measures to the ticks. */
  tick(): void;
  layers(): readonly LayerCounts[];
  calls(): readonly CallRecord[];
  close(): Promise<void>;
}

export function createRun(network: Network): Run {
  const clock = createClock();
  const log = createCallLog(clock.now);
  const lanes = { plain: createLane(clock.now), kyoa: createLane(clock.now, log.endingOf) };
  const ticks = createTicks();
  const storage = memory(); // for the history of the policies, which starts empty in each run
  const paid: PayResult[] = [];
  let limit = Number.NaN;
  const builder = createBuilder({ origin: network.origin, onLimit: (ms) => (limit = ms) });
  const fetchOf = (...use: readonly Middleware[]): Fetch => createFetch({ use, storage, fetch: network.fetch });
  const rivals = createRivals({ clock, origin: network.origin, fetchOf });

  let counter = createLayerCounter();
  let entries: readonly string[] = [];
  let fetches = build([]);
  let calls = 0;
  let built: readonly BuiltLayer[] = [];
  let keys = keysFor([]);

  /** Plain fetch has the same counter, so that both lanes bear its cost. */
  function build(onion: readonly Middleware[]): Readonly<Record<LaneName, Fetch>> {
    const outer = [log.outermost, observe(log.record)];
    const inner = [counter.before('network'), log.innermost, countedBy(lanes.kyoa)];
    return { plain: fetchOf(countedBy(lanes.plain)), kyoa: fetchOf(...outer, ...onion, ...inner) };
  }

  const send = (lane: LaneName, path: string, init?: RequestInit, read?: ReadBody): ReturnType<Lane['call']> =>
    clock.during(async () => {
      const url = `${network.origin}/${lane}/api/${path}`;
      const result = await lanes[lane].call(fetches[lane], url, { ...keys, ...init }, read);
      if (result.response !== undefined) log.close(result.response, result);
      return result;
    });

  return {
    clock,
    use(stack, others = []) {
      const { layers, problems } = builder.build(stack);
      if (problems.length > 0) return problems;
      if (!stack.some(({ on, options }) => on && 'headers.kind' in options)) limit = Number.NaN;
      built = layers;
      keys = keysFor(stack);
      counter = createLayerCounter();
      lanes.plain.restart();
      lanes.kyoa.restart();
      entries = layers.map(({ entry }) => entry);
      fetches = build(layers.flatMap(({ entry, policy }) => [counter.before(entry), policy]));
      rivals.use(others);
      return [];
    },
    leave() {
      for (const lane of [lanes.plain, lanes.kyoa, rivals]) lane.leave();
    },
    call(demand) {
      // The id is in the query: all calls have the same route, for the latency history. None of them replaces another.
      const options = { latest: false } as RequestInit;
      const path = pathOf(calls, demand);
      for (const lane of ['plain', 'kyoa'] as const) void send(lane, path, options);
      rivals.call(path);
      calls += 1;
    },
    async send(lane, path) {
      const { outcome, label, duration, text } = await send(lane, path);
      const body: unknown = outcome === 'answered' && text ? JSON.parse(text) : undefined;
      return { outcome, label, duration, body };
    },
    async load(lane, path, onBytes) {
      const { outcome, label, duration } = await send(lane, path, undefined, (response) => pass(response, onBytes));
      return { outcome, label, duration, body: undefined };
    },
    state: () => stateOf(built),
    async pay(order, lane) {
      const result = await send(lane, 'pay', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ order }),
        ...(lane === 'kyoa' && { requestId: order }),
      });
      const replayed = result.response?.headers.get('idempotency-replayed') === 'true';
      const { outcome, duration, label } = result;
      paid.push({ lane, order, replayed, outcome, duration, label });
      return paid.at(-1)!;
    },
    paid: () => paid,
    tick() {
      ticks.push({ time: clock.now(), plain: lanes.plain.meter.read(), kyoa: lanes.kyoa.meter.read(), limit });
    },
    layers: () => counter.read([...entries, 'network']),
    calls: log.read,
    measures: (lane) => (rivals.lane(lane) ?? lanes[lane as LaneName]).meter.read(),
    ticks: () => ticks.read(),
    dots: (lane) => lanes[lane].dots.read(),
    async close() {
      this.leave();
      await Promise.all([builder.close(), rivals.close()]);
    },
  };
}

/** The body of a good response, chunk by chunk. */
async function pass(response: Response, onBytes: (bytes: Uint8Array) => void): Promise<string> {
  if (!response.ok) return response.text();
  const reader = response.body!.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return '';
    onBytes(value);
  }
}
