/** What a call may override. */
import type { Override } from './core/options.ts';
import type { BreakerOverride } from './middleware/breaker/breaker.ts';
import type { DedupeOptions } from './middleware/dedupe/dedupe.ts';
import type { EndpointsOptions } from './middleware/endpoints/endpoints.ts';
import type { FallbackOptions } from './middleware/fallback.ts';
import type { HedgeOptions } from './middleware/hedge/hedge.ts';
import type { IdempotencyOptions } from './middleware/idempotency/idempotency.ts';
import type { LatestOptions } from './middleware/latest.ts';
import type { LimitOverride } from './middleware/limit/limit.ts';
import type { RaceOptions } from './middleware/race.ts';
import type { RetryOptions } from './middleware/retry.ts';
import type { StaleIfErrorOptions } from './middleware/stale-if-error/stale-if-error.ts';
import type { TimeoutOptions } from './middleware/timeout/timeout.ts';

/** Overrides for one call, flat beside the members of RequestInit. A middleware named `x` reads `ctx.options.x`. */
export interface CallOptions {
  /** Names the call for `dedupe`, `idempotency`, `log` and `trace`. @default a new UUID */
  readonly requestId?: string;
  /** Limits in ms; a number is `total`. `false`: no limits. */
  readonly timeout?: number | Override<TimeoutOptions>;
  /** Attempts after the first, or options of `retry`. `false`: one attempt. */
  readonly retry?: number | Override<RetryOptions>;
  /** The `ratio` of extra requests that is accepted, or options of `hedge`. `false`: no copies. */
  readonly hedge?: number | Override<HedgeOptions>;
  /** Options of `race`. `false`: the request goes to its own URL. */
  readonly race?: Override<RaceOptions>;
  /** Options of `dedupe`. `false`: the call shares no request. */
  readonly dedupe?: Override<DedupeOptions>;
  /** Options of `idempotency`. `false`: no key is sent, and no result is stored. */
  readonly idempotency?: Override<IdempotencyOptions>;
  /** Options of `breaker`, except those of the shared circuit. `false`: the call is always sent, and not counted. */
  readonly breaker?: Override<BreakerOverride>;
  /** Options of `limit`, except the shared bounds. `false`: the call takes no permit. */
  readonly limit?: Override<LimitOverride>;
  /** `false`: the call replaces no other call, and no other call replaces it. */
  readonly latest?: Override<LatestOptions>;
  /** How an endpoint is picked. `false`: the request goes to its own URL. */
  readonly endpoints?: Override<Pick<EndpointsOptions, 'pick' | 'zones'>>;
  /** Options of `staleIfError`. `false`: a failure is returned as it is, and no response is stored. */
  readonly staleIfError?: Override<StaleIfErrorOptions>;
  /** Options of `fallback`. `false`: a failure is returned as it is. */
  readonly fallback?: Override<FallbackOptions>;
  /** `false`: the listener receives no events of the call. */
  readonly observe?: boolean;
  /** `false`: no line is written. */
  readonly log?: boolean;
  /** `false`: no `traceparent` is sent. */
  readonly trace?: boolean;
  /** `false`: the call is not counted. */
  readonly metrics?: boolean;
  /** `false`: the call has no spans and no measurements. */
  readonly opentelemetry?: boolean;
  /** `false`: the call is not counted. */
  readonly prometheus?: boolean;
}

/** The members of an init that kyoa takes. A member that neither fetch nor kyoa knows goes to the transport. */
export const callOptionNames: readonly string[] = [
  'requestId',
  'timeout',
  'retry',
  'hedge',
  'race',
  'dedupe',
  'idempotency',
  'breaker',
  'limit',
  'latest',
  'endpoints',
  'staleIfError',
  'fallback',
  'observe',
  'log',
  'trace',
  'metrics',
  'opentelemetry',
  'prometheus',
] satisfies (keyof CallOptions)[];
