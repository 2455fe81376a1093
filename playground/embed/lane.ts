/** One of the two lanes of an exhibit: its fetch, its policies, the records of its calls. */
import { byRequest, createFetch, memory, observe } from 'kyoa';
import type { Middleware } from 'kyoa';
import { createCallLog } from '../model/calls.ts';
import { createLane } from '../model/lane.ts';
import { createBuilder } from '../model/stack.ts';
import type { LaneName, Stack } from '../model/types.ts';
import type { Network } from '../network/network.ts';
import type { Fetch } from '../network/simulated-fetch.ts';
import type { Ask, LaneView, Plan, Say, Values } from './exhibit.ts';
import { watchNetwork } from './network-watch.ts';

export interface ExhibitLane extends LaneView {
  /** Replaces the layers. A layer that does not change keeps its state. */
  readonly use: (stack: Stack) => void;
  readonly send: (ask: Ask) => void;
  readonly calls: ReturnType<typeof createCallLog>['read'];
  /** Asks the network for its payments, for the figures. */
  readonly refresh: () => void;
  /** Ends the calls that are running. */
  readonly close: () => void;
}

/** The figures show the calls of the last 10 s. */
const WINDOW = 10_000;

export function openLane(name: LaneName, plan: Plan, network: Network, values: () => Values, say: Say): ExhibitLane {
  const now = (): number => performance.now();
  const log = createCallLog(now);
  const lane = createLane(now, log.endingOf);
  const storage = memory();
  const builder = createBuilder({ origin: network.origin, onLimit: () => {} });
  const watch = watchNetwork(plan.transport?.(network.fetch, values, say) ?? network.fetch, now, WINDOW);
  const sent: Middleware = async (_ctx, next) => {
    lane.meter.sent();
    return next();
  };
  let payments: Awaited<ReturnType<Network['payments']>> = [];
  let fetch: Fetch = watch.fetch;

  // The middleware that records the requests adds no identity.
  const keys = { dedupe: { key: byRequest }, staleIfError: { key: byRequest } };

  return {
    name,
    get now() {
      return now();
    },
    calls: log.read,
    measures: () => lane.meter.read(),
    ended: () => log.read().filter(({ end }) => end !== undefined && end > now() - WINDOW),
    running: () => log.read().filter(({ end }) => end === undefined),
    mostAtOnce: watch.most,
    requests: watch.sent,
    bytes: watch.bytes,
    payments: () => payments,
    use(stack) {
      const { layers, problems } = builder.build(stack);
      if (problems.length > 0) throw new Error(problems[0]!.message);
      const outer = [...(plan.outer?.(values(), say) ?? [])];
      const inner = [...(plan.inner?.(values(), say) ?? [])];
      const policies = layers.map(({ policy }) => policy);
      const use = [log.outermost, observe(log.record), ...outer, ...policies, ...inner, log.innermost, sent];
      fetch = createFetch({ use, storage, fetch: watch.fetch });
    },
    send({ path, init }) {
      const url = `${network.origin}/${name}/api/${path}`;
      lane.call(fetch, url, { ...keys, ...init }).then(
        (result) => result.response && log.close(result.response, result),
        () => {}, // a call of a lane never rejects
      );
    },
    refresh() {
      network.payments().then(
        (all) => (payments = all.filter(({ lane }) => lane === name)),
        () => {}, // the storage is the memory of this page
      );
    },
    close: () => lane.leave(),
  };
}
