/** Sends each attempt to one of several endpoints. Stands inside `retry`, `hedge` and `breaker`. */
import { privateState } from '../../core/engine/private-state.ts';
import type { Context, Middleware } from '../../core/context.ts';
import { TimeoutError } from '../../core/errors.ts';
import {
  array,
  fn,
  objectOrFalse,
  oneOf,
  policyOptions,
  type PolicyOptions,
  type Settings,
} from '../../core/options.ts';
import { watchBody } from '../../lib/body/watch.ts';
import { ejectShape, outlierDetection, type EjectOptions, type EjectionRule } from './outlier-detection.ts';
import { latencyHistory } from '../../lib/latency/history.ts';
import { isFailure, isTransient, settle, outcomeFacts, unwrap, type Outcome } from '../../lib/outcome.ts';
import { weightedRandom, powerOfTwoChoices, leastTriedNearest } from './load-balancer.ts';
import { rebase, rewriteUrl } from '../../lib/request/rewrite-url.ts';
import {
  endpointList,
  beginCall,
  zoneName,
  type Endpoint,
  type EndpointSnapshot,
  type EndpointState,
} from './endpoint-list.ts';
import { attachAttemptErrors, type AttemptFailure } from '../../lib/attempt-errors.ts';

export interface EndpointsOptions {
  /** In proportion to the weights, or the faster of two that are drawn at random. @default 'weighted' */
  readonly pick?: 'weighted' | 'fastest';
  /** Most preferred first: another zone is used only when nobody is available in those before it. @default [] */
  readonly zones?: readonly string[];
  /** When an endpoint is left alone for a while; `false` for never. @default { failures: 5, for: 30_000, share: 0.5 } */
  readonly eject?: EjectOptions | false;
  /** Draws from [0, 1). @default Math.random */
  readonly random?: () => number;
}

export interface EndpointsPolicy extends Middleware {
  /** The list from now on. Endpoints that stay keep their state; calls that are with one that goes are not disturbed. */
  readonly update: (list: readonly Endpoint[]) => void;
  readonly snapshot: () => readonly EndpointSnapshot[];
}

type Policy = Settings<EndpointsOptions> & { readonly eject: EjectionRule | false };

export const endpointsOptions: PolicyOptions<Policy> = /* @__PURE__ */ policyOptions(
  'endpoints',
  {
    pick: [oneOf, 'weighted', ['weighted', 'fastest']],
    zones: [zoneNames, []],
    eject: [objectOrFalse, {}, ejectShape],
    random: [fn, () => Math.random()],
  },
  { perCall: ['pick', 'zones'] },
);

/**
 * Every request goes to one of the list, whatever its origin was, with all of its headers: to list an endpoint is to
 * trust it with `Authorization`. A retry, and a hedge's copy, goes to one that this call has not tried, while there is
 * one. An endpoint is judged by its headers, not by what becomes of the body; its latencies are kept in the storage.
 * A Request of somebody else's making has its body read first, up to 1 MiB.
 *
 * The last outcome stands. If it is a network error or a timeout, and the call has tried several, that same error gets
 * an `AggregateError` for a cause, with what each of them said in `errors`, and the `code` that its own cause had.
 *
 * Per call: `endpoints: false` to send the request where its URL says, or `endpoints: { pick, zones }`.
 *
 * @throws {KyoaError} `INVALID_OPTION`, also from `update`, which then changes nothing
 */
export function endpoints(list: readonly Endpoint[], options: EndpointsOptions = {}): EndpointsPolicy {
  const own = endpointsOptions.parse(options);
  const roster = endpointList(list);
  const health = outlierDetection<EndpointState>(own.eject);
  // By `ctx.state`, which all forks of a call share; not in it, for it is the user's bag, and two of us may stand in one stack.
  const calls = privateState<Tried>();

  const choose = (ctx: Context, { pick, zones, random }: Policy, tried: Tried): EndpointState => {
    for (const { url } of health.returning(roster.usable)) ctx.emit({ type: 'endpoint.returned', url });
    const available = roster.usable.filter((member) => !health.isOut(member));
    const among = available.length > 0 ? available : roster.usable;
    const choice = leastTriedNearest(among, (member) => tried.get(member)?.tries ?? 0, zones);
    if (pick === 'weighted') return weightedRandom(choice, random);
    for (const member of choice) remember(ctx, member);
    return powerOfTwoChoices(choice, random);
  };

  const judge = (ctx: Context, member: EndpointState, outcome: Outcome, elapsed: number): void => {
    const { response, error } = outcome;
    // What is neither answer nor failure of the network, such as an abort, says nothing of the endpoint.
    if (response === undefined && !isTransient(error)) return;
    if (isFailure(outcome)) {
      const time = health.failed(member, roster.usable);
      if (time !== undefined) ctx.emit({ type: 'endpoint.ejected', url: member.url, duration: time });
    } else health.succeeded(member);
    // To have failed at once is not to be fast; a timeout took at least that long.
    if (!isFailure(outcome) || error instanceof TimeoutError) remember(ctx, member, elapsed);
  };

  const policy: Middleware = async function endpoints(ctx, next) {
    const chooser = endpointsOptions.forCall(ctx, own);
    if (chooser === undefined || !ctx.request.url.startsWith('http')) return next();

    let tried = calls.get(ctx.state);
    if (tried === undefined) calls.set(ctx.state, (tried = new Map()));
    const member = choose(ctx, chooser, tried);
    const { url, zone } = member;
    const mine: Attempts = { ...tried.get(member), tries: (tried.get(member)?.tries ?? 0) + 1 };
    tried.set(member, mine);
    ctx.emit({ type: 'endpoint.picked', url, ...(zone !== undefined && { zone }) });

    const request = await rewriteUrl(ctx.request, rebase(ctx.request.url, member.base));
    ctx.signal.throwIfAborted();
    const started = performance.now();
    const leave = beginCall(member);
    let judged = false;
    const settled = (outcome: Outcome): void => {
      if (!judged) judge(ctx, member, outcome, performance.now() - started);
      judged = true;
    };
    const aborted = (): void => {
      settled({ error: ctx.signal.reason }); // only the reason tells whether it was a timeout
      leave(); // and what is beneath may be deaf
    };
    ctx.signal.addEventListener('abort', aborted, { once: true });

    const outcome = await settle(next({ request }));
    settled(outcome);
    if (outcome.response) watchBody(outcome.response, { end: leave });
    else leave();
    if (!ctx.signal.aborted) mine.said = { url: url, ...outcomeFacts(outcome) };
    if (mine.said && isTransient(outcome.error)) {
      const sayings = [...tried.values()].flatMap(({ said }) => said ?? []);
      if (sayings.length > 1) attachAttemptErrors(outcome.error, sayings);
    }
    return unwrap(outcome);
  };

  const { update, snapshot } = roster;
  return Object.assign(policy, { update, snapshot: () => snapshot(health) });
}

/** What a call did with each endpoint. */
type Tried = Map<EndpointState, Attempts>;
interface Attempts {
  readonly tries: number;
  /** Last. */
  said?: AttemptFailure;
}

/** Enough that one slow answer does not decide, few enough that a slow endpoint is noticed soon. */
const samples = 20;

function remember(ctx: Context, member: EndpointState, latency?: number): void {
  member.series = latencyHistory(ctx.storage).series('endpoint', member.base, samples);
  if (latency !== undefined) member.series.add(latency);
}

function zoneNames(name: string, value: readonly string[]): readonly string[] {
  return array(name, value).map((zone) => zoneName(name, zone));
}
