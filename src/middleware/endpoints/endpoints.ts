/** Sends each attempt to one of several endpoints. Placed inside `retry`, `hedge` and `breaker`. */
import { privateState } from '../../core/engine/private-state.ts';
import type { Context, Middleware } from '../../core/context.ts';
import { TimeoutError } from '../../core/errors.ts';
import {
  array,
  asPolicy,
  fn,
  objectOrFalse,
  oneOf,
  policyOptions,
  type PolicyOptions,
  type Settings,
} from '../../core/options.ts';
import { isRequestBound } from '../../lib/platform.ts';
import { watchBody } from '../../lib/body/watch.ts';
import { ejectShape, outlierDetection, type EjectOptions, type EjectionRule } from './outlier-detection.ts';
import { latencyHistory, type Series } from '../../lib/latency/history.ts';
import { isFailure, isTransient, settle, outcomeFacts, unwrap, type Outcome } from '../../lib/outcome.ts';
import { weightedRandom, powerOfTwoChoices, leastTriedNearest } from './load-balancer.ts';
import { portableBody, rebase } from '../../lib/resend.ts';
import { checkTokenScope } from '../../lib/identity.ts';
import {
  endpointList,
  beginCall,
  zoneName,
  type Endpoint,
  type EndpointSnapshot,
  type EndpointState,
} from './endpoint-list.ts';
import { attachAttemptErrors, type AttemptFailure } from '../../lib/attempt-notes.ts';

/**
 * The options of `endpoints()`.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/endpoints.md#options
 */
export interface EndpointsOptions {
  /** By weight, or the better of two random endpoints by latency and calls in flight. @default 'weighted' */
  readonly pick?: 'weighted' | 'fastest' | undefined;
  /** In order of preference: a zone is used only when no endpoint of an earlier one is available. @default [] */
  readonly zones?: readonly string[] | undefined;
  /** When an endpoint is ejected, and how long; `false` for never. @default { failures: 5, for: 30_000, share: 0.5 } */
  readonly eject?: EjectOptions | false | undefined;
  /** Draws from [0, 1). @default Math.random */
  readonly random?: (() => number) | undefined;
}

/**
 * The middleware that `endpoints()` returns, with its list, which may be replaced, and the state of each endpoint.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/endpoints.md
 */
export interface EndpointsPolicy extends Middleware {
  /** Replaces the list. An endpoint that remains keeps its state; running calls to a removed endpoint continue. */
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
 * Load balancing and failover over a list of endpoints. The endpoint replaces the origin of every http URL and receives
 * all headers: list only endpoints that may receive your `Authorization`. One that is outside the `scope` of `auth` is an error. A retry, or the copy of a hedge, goes to an
 * endpoint that this call has not tried, while there is one. The latencies are kept in the storage. If the source of a
 * Request's body is unknown, because kyoa did not build the Request, the body is read first, up to 1 MiB.
 *
 * It does not send a request again, and it judges an endpoint by the headers, not by the body.
 *
 * The last outcome is the result. If it is a network error or a timeout, and the call has tried several endpoints, the
 * `cause` of the error is an `AggregateError` with the failure of each endpoint in `errors`, and with the `code` that
 * the previous cause had.
 *
 * Per call: `endpoints: { pick, zones }`, or `endpoints: false` to send the request to the origin of its own URL.
 *
 * @throws {KyoaError} `INVALID_OPTION`, also from `update`, which then changes nothing; a call rejects with it, too, if the
 * endpoint may not receive its token
 * @example
 * ```ts
 * const list = [
 *   { url: 'https://eu.api.example.com', zone: 'eu', weight: 9 },
 *   { url: 'https://us.api.example.com', zone: 'us', weight: 1 },
 * ];
 * const fetch = createFetch({ use: [retry(), endpoints(list, { zones: ['eu', 'us'] })] });
 * const response = await fetch('https://api.example.com/users');
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/endpoints.md
 */
export function endpoints(list: readonly Endpoint[], options: EndpointsOptions = {}): EndpointsPolicy {
  const own = endpointsOptions.parse(options);
  const pool = endpointList(list);
  const health = outlierDetection<EndpointState>(own.eject);
  // Keyed by `ctx.state`, which all forks of a call share. It is not a member of it, because `state` belongs to the
  // user, and a stack may have several instances of this policy.
  const calls = privateState<Tried>();

  const choose = (ctx: Context, { pick, zones, random }: Policy, tried: Tried): EndpointState => {
    for (const { url } of health.readmit(pool.usable)) ctx.emit({ type: 'endpoint.returned', url });
    const available = pool.usable.filter((endpoint) => !health.isEjected(endpoint));
    const candidates = available.length > 0 ? available : pool.usable;
    const best = leastTriedNearest(candidates, (endpoint) => tried.get(endpoint)?.tries ?? 0, zones);
    if (pick === 'weighted') return weightedRandom(best, random);
    for (const endpoint of best) seriesOf(ctx, endpoint);
    return powerOfTwoChoices(best, random);
  };

  const judge = (ctx: Context, endpoint: EndpointState, outcome: Outcome, elapsed: number): void => {
    const { response, error } = outcome;
    // Any other error, such as an abort, is no evidence about the endpoint.
    if (response === undefined && !isTransient(error)) return;
    if (isFailure(outcome)) {
      const duration = health.failed(endpoint, pool.usable);
      if (duration !== undefined) ctx.emit({ type: 'endpoint.ejected', url: endpoint.url, duration });
    } else health.succeeded(endpoint);
    // A quick failure must not make an endpoint look fast. A timeout is a sample: the response would have taken longer.
    if (!isFailure(outcome) || error instanceof TimeoutError) seriesOf(ctx, endpoint).add(elapsed, ctx);
  };

  const policy: Middleware = async function endpoints(ctx, next) {
    const settings = endpointsOptions.forCall(ctx, own);
    if (settings === undefined || !ctx.url.startsWith('http')) return next();

    let tried = calls.get(ctx.state);
    if (tried === undefined) calls.set(ctx.state, (tried = new Map()));
    const endpoint = choose(ctx, settings, tried);
    const { url, zone } = endpoint;
    checkTokenScope(ctx, url);
    const attempts: Attempts = { ...tried.get(endpoint), tries: (tried.get(endpoint)?.tries ?? 0) + 1 };
    tried.set(endpoint, attempts);
    ctx.emit({ type: 'endpoint.picked', url, ...(zone !== undefined && { zone }) });

    const body = await portableBody(ctx);
    ctx.signal.throwIfAborted();
    const started = performance.now();
    endpoint.lastUsed = started;
    // On Workers a request may end without running any more of its code, and its calls would be counted for ever.
    const endCall = isRequestBound() ? undefined : beginCall(endpoint);
    let judged = false;
    const judgeOnce = (outcome: Outcome): void => {
      if (!judged) judge(ctx, endpoint, outcome, performance.now() - started);
      judged = true;
    };
    const onAbort = (): void => {
      judgeOnce({ error: ctx.signal.reason }); // only the reason shows whether a limit expired
      endCall?.(); // a transport that ignores the abort never settles
    };
    ctx.signal.addEventListener('abort', onAbort, { once: true });

    const outcome = await settle(next({ url: rebase(ctx.url, endpoint.base), body }));
    judgeOnce(outcome);
    if (outcome.response && endCall) watchBody(outcome.response, { end: endCall, endsUnread: true });
    else endCall?.();
    if (!ctx.signal.aborted) attempts.last = { url, ...outcomeFacts(outcome) };
    if (attempts.last && isTransient(outcome.error)) {
      const failures = [...tried.values()].flatMap(({ last }) => last ?? []);
      if (failures.length > 1) attachAttemptErrors(outcome.error, failures);
    }
    return unwrap(outcome);
  };

  const { update, snapshot } = pool;
  return Object.assign(asPolicy(options, policy), { update, snapshot: () => snapshot(health) });
}

/** The attempts of a call, by endpoint. */
type Tried = Map<EndpointState, Attempts>;
interface Attempts {
  readonly tries: number;
  /** The outcome of the last attempt that was not aborted. */
  last?: AttemptFailure;
}

/** With fewer samples one slow response would decide; with more, a slow endpoint would be noticed late. */
const samples = 20;

/** The latencies of an endpoint. Reading them here makes them available as `endpoint.latency`. */
function seriesOf(ctx: Context, endpoint: EndpointState): Series {
  endpoint.series = latencyHistory(ctx.storage).series('endpoint', endpoint.base, samples);
  return endpoint.series;
}

function zoneNames(name: string, value: readonly string[]): readonly string[] {
  return array(name, value).map((zone) => zoneName(name, zone));
}
