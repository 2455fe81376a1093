/** What a call may override. */
import type { Background } from './core/context.ts';
import { ownOptions, type Override } from './core/options.ts';
import type { AuthOverride } from './middleware/auth/auth.ts';
import type { BreakerOverride } from './middleware/breaker/breaker.ts';
import type { ChaosOverride } from './middleware/chaos.ts';
import type { DedupeOptions } from './middleware/dedupe/dedupe.ts';
import type { EndpointsOptions } from './middleware/endpoints/endpoints.ts';
import type { FallbackOptions } from './middleware/fallback.ts';
import type { HedgeOptions } from './middleware/hedge/hedge.ts';
import type { IdempotencyOptions } from './middleware/idempotency/idempotency.ts';
import type { LatestOptions } from './middleware/latest.ts';
import type { LimitOverride } from './middleware/limit/limit.ts';
import type { MaxBodyOptions } from './middleware/max-body.ts';
import type { RaceOptions } from './middleware/race.ts';
import type { ResumeOptions } from './middleware/resume/resume.ts';
import type { RetryOptions } from './middleware/retry.ts';
import type { StaleIfErrorOptions } from './middleware/stale-if-error/stale-if-error.ts';
import type { TimeoutOptions } from './middleware/timeout/timeout.ts';
import type { OutboxOverride } from './outbox/options.ts';

/**
 * The policy options of one call. Overrides for one call, flat beside the members of RequestInit. A middleware named
 * `x` reads `ctx.options.x`.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/onion.md#overrides-for-one-call
 */
export interface CallOptions {
  /** Names the call for `dedupe`, `idempotency`, `log` and `trace`. @default a new UUID */
  readonly requestId?: string | undefined;
  /** Receives the work of the call that goes on after the response, such as the write of the latency history. @default that of the entry point */
  readonly background?: Background | undefined;
  /** How often the call is sent again with a new token, and whose token it is. `false`: it is sent without a token. */
  readonly auth?: Override<AuthOverride> | undefined;
  /** `false`: the request is not signed. */
  readonly sign?: boolean | undefined;
  /** Limits in ms; a number is `total`. `false`: no limits. */
  readonly timeout?: number | Override<TimeoutOptions> | undefined;
  /** Options of `resume`. `false`: a body that breaks off fails. */
  readonly resume?: Override<ResumeOptions> | undefined;
  /** Attempts after the first, or options of `retry`. `false`: one attempt. */
  readonly retry?: number | Override<RetryOptions> | undefined;
  /** The `ratio` of extra requests that is accepted, or options of `hedge`. `false`: no copies. */
  readonly hedge?: number | Override<HedgeOptions> | undefined;
  /** Options of `race`. `false`: the request goes to its own URL. */
  readonly race?: Override<RaceOptions> | undefined;
  /** Options of `dedupe`. `false`: the call shares no request. */
  readonly dedupe?: Override<DedupeOptions> | undefined;
  /** Options of `idempotency`. `false`: no key is sent, and no result is stored. */
  readonly idempotency?: Override<IdempotencyOptions> | undefined;
  /** Options of `outbox`. `false`: the request is not kept. */
  readonly outbox?: Override<OutboxOverride> | undefined;
  /** Options of `breaker`, except those of the shared circuit. `false`: the call is always sent, and not counted. */
  readonly breaker?: Override<BreakerOverride> | undefined;
  /** Options of `limit`, except the shared bounds. `false`: the call takes no permit. */
  readonly limit?: Override<LimitOverride> | undefined;
  /**
   * When the call must have ended, ms on the clock of `performance.now()`: `ctx.deadline` in a handler. With any stack, `retry`
   * and `limit` keep it; the policy `deadline` sends what is left. `false`: no header is sent.
   */
  readonly deadline?: number | boolean | undefined;
  /** `false`: the request is admitted, and not counted. */
  readonly shed?: boolean | undefined;
  /** `false`: the call replaces no other call, and no other call replaces it. */
  readonly latest?: Override<LatestOptions> | undefined;
  /** How an endpoint is picked. `false`: the request goes to its own URL. */
  readonly endpoints?: Override<Pick<EndpointsOptions, 'pick' | 'zones'>> | undefined;
  /** The most bytes of the response body. `false`: any length. */
  readonly maxBody?: number | Override<MaxBodyOptions> | undefined;
  /** The share of the attempts that meet a fault, or options of `chaos`. `false`: none does. */
  readonly chaos?: number | Override<ChaosOverride> | undefined;
  /** Options of `staleIfError`. `false`: a failure is returned as it is, and no response is stored. */
  readonly staleIfError?: Override<StaleIfErrorOptions> | undefined;
  /** Options of `fallback`. `false`: a failure is returned as it is. */
  readonly fallback?: Override<FallbackOptions> | undefined;
  /** `false`: the listener receives no events of the call. */
  readonly observe?: boolean | undefined;
  /** `false`: no line is written. */
  readonly log?: boolean | undefined;
  /** `false`: no `traceparent` is sent. */
  readonly trace?: boolean | undefined;
  /** `false`: the call is not counted. */
  readonly metrics?: boolean | undefined;
  /** `false`: the call has no spans and no measurements. */
  readonly opentelemetry?: boolean | undefined;
  /** `false`: the call is not counted. */
  readonly prometheus?: boolean | undefined;
}

/** The members of an init that kyoa takes. A member that neither fetch nor kyoa knows goes to the transport. */
export const callOptionNames: readonly (keyof CallOptions)[] = ownOptions;
