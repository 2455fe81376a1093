/** Sends a request to several endpoints at once and returns the first good response. Placed inside `retry`. */
import type { BodyInit } from '../core/engine/fetch-types.ts';
import type { Middleware } from '../core/context.ts';
import { safeMethods } from '../core/engine/http-constants.ts';
import { isStream } from '../core/engine/request-body.ts';
import {
  array,
  asPolicy,
  fn,
  invalid,
  methods,
  policyOptions,
  type PolicyOptions,
  type Settings,
} from '../core/options.ts';
import { attachAttemptErrors } from '../lib/attempt-notes.ts';
import { attemptRace } from '../lib/attempt-race.ts';
import { isNotGood, unwrap, type When, unwrapNoted } from '../lib/outcome.ts';
import { baseOf, portableBody, rebase } from '../lib/resend.ts';
import { checkTokenScope } from '../lib/identity.ts';

/**
 * The options of `race()`.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/race.md#options
 */
export interface RaceOptions {
  /** Methods that are sent to all endpoints; any other method is sent to the first endpoint alone. @default the safe ones of RFC 9110 §9.2.1, and QUERY */
  readonly methods?: readonly string[] | undefined;
  /** An outcome that does not win while another endpoint may give a better one. @default errors, 408, 429 and everything from 500 on */
  readonly when?: When | undefined;
}

export const raceOptions: PolicyOptions<Settings<RaceOptions>> = /* @__PURE__ */ policyOptions('race', {
  methods: [methods, safeMethods],
  when: [fn, isNotGood],
});

/**
 * Each URL of the list replaces the origin of the request's URL; a path in it is placed before the path of the request.
 * Every endpoint gets all headers of the request: to list an endpoint is to trust it with `Authorization`. One that is
 * outside the `scope` of `auth` is an error. The first
 * good response wins and the other copies are aborted. If all fail, the result is the first response in the order of
 * the list. If none responds, it is the error of the first endpoint, with an `AggregateError` of all errors for its
 * cause. A body that cannot be sent again goes to the first endpoint alone.
 *
 * Every endpoint gets every request. `hedge` outside `endpoints` has nearly the same effect for a few per cent more
 * requests.
 *
 * Per call: `race: { ... }`, or `race: false` to send the request to its own URL.
 *
 * @throws {KyoaError} `INVALID_OPTION`
 * @example
 * ```ts
 * const fetch = createFetch({ use: [race(['https://a.example.com', 'https://b.example.com'])] });
 * const response = await fetch('https://a.example.com/prices');
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/race.md
 */
export function race(urls: readonly (string | URL)[], options: RaceOptions = {}): Middleware {
  const bases = array('race urls', urls).map(parseBase);
  if (bases.length === 0) throw invalid('race urls', urls, 'a list with at least one URL');
  const own = raceOptions.parse(options);

  return asPolicy({ urls, ...options }, async function race(ctx, next) {
    const policy = raceOptions.forCall(ctx, own);
    if (policy === undefined || !ctx.url.startsWith('http')) return next();
    const send = (body: BodyInit | undefined, index: number, signal: AbortSignal): Promise<Response> =>
      next({ url: rebase(ctx.url, bases[index]!), body, signal, attempt: ctx.attempt + index });
    for (const base of bases) checkTokenScope(ctx, base);
    const body = await portableBody(ctx);
    ctx.signal.throwIfAborted();
    if (isStream(body ?? ctx.body) || !policy.methods.includes(ctx.method)) return send(body, 0, ctx.signal);

    const race = attemptRace(ctx.signal, (outcome) => policy.when(outcome, ctx));
    for (const index of bases.keys()) race.start((signal) => send(body, index, signal));
    const { outcome, copy, good } = await race.result();
    if (good) ctx.emit({ type: 'race.won', url: bases[copy]! });
    else if (bases.length > 1) {
      const failures = bases.map((url, index) => ({ url, error: race.outcomes[index]?.error }));
      attachAttemptErrors(outcome.error, failures);
    }
    return good ? unwrap(outcome) : unwrapNoted(outcome, ctx);
  });
}

function parseBase(url: string | URL): string {
  const base = baseOf(String(url));
  if (base === undefined) throw invalid('race urls', url, 'http URLs without credentials, query and hash');
  return base;
}
