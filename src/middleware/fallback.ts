/** Returns a substitute when the inner middleware finally fails. Placed outside `retry`. */
import type { Context, Middleware } from '../core/context.ts';
import { asPolicy, fn, policyOptions, type PolicyOptions, type Settings } from '../core/options.ts';
import { discard } from '../lib/body/discard.ts';
import { isAborted, isFailure, settle, outcomeFacts, unwrap, type Outcome, type When } from '../lib/outcome.ts';

/**
 * The function that `fallback()` calls after a failure. Returns a Response, or a value that becomes a JSON response
 * with status 200; or a promise of one of them.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/fallback.md
 */
export type Substitute = (outcome: Outcome, ctx: Context) => unknown;

/**
 * The options of `fallback()`.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/fallback.md#options
 */
export interface FallbackOptions {
  /** Which outcomes are replaced. @default an error, or a status of 500 and above */
  readonly when?: When | undefined;
}

export const fallbackOptions: PolicyOptions<Settings<FallbackOptions>> = /* @__PURE__ */ policyOptions('fallback', {
  when: [fn, isFailure],
});

/**
 * Replaces a failed outcome by the result of `respond`. The failed response is discarded, unless `respond` returns it.
 * It does not replace the outcome of a call that its caller has aborted, or that `latest` has replaced by a newer one.
 *
 * Per call: `fallback: false`, or `fallback: { when }`.
 *
 * @throws {KyoaError} `INVALID_OPTION`. The call rejects with an error that `respond` throws, unchanged.
 * @example
 * ```ts
 * const fetch = createFetch({ use: [fallback(() => ({ recommendations: [] })), timeout(1_000)] });
 * const response = await fetch('https://api.example.com/recommendations');
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/fallback.md
 */
export function fallback(respond: Substitute, options: FallbackOptions = {}): Middleware {
  fn('fallback respond', respond);
  const own = fallbackOptions.parse(options);

  return asPolicy({ respond, ...options }, async function fallback(ctx, next) {
    const policy = fallbackOptions.forCall(ctx, own);
    if (policy === undefined) return next();
    const outcome = await settle(next());
    if (isAborted(outcome, ctx) || !policy.when(outcome, ctx)) return unwrap(outcome);
    ctx.emit({ type: 'fallback.used', ...outcomeFacts(outcome) });
    const substitute = await respond(outcome, ctx);
    if (outcome.response && outcome.response !== substitute) discard(outcome.response);
    return substitute instanceof Response ? substitute : Response.json(substitute);
  });
}
