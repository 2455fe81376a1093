/** What is said of one call: to fetch, to policies of ours, and to the transport. */
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

/** Overrides for one call, flat beside the usual options. A policy of your own reads the member of its name. */
export interface CallOptions {
  /** Names the request for deduplication, idempotency, logs and traces. @default a fresh UUID */
  readonly requestId?: string;
  /** Limits in ms; a number is the `total`. */
  readonly timeout?: number | Override<TimeoutOptions>;
  /** Attempts after the first, or options of the policy. */
  readonly retry?: number | Override<RetryOptions>;
  /** The extra load that is accepted, or options of the policy; `false` for one copy only. */
  readonly hedge?: number | Override<HedgeOptions>;
  /** Options of the policy; `false` to send the request where its URL says. */
  readonly race?: Override<RaceOptions>;
  /** `false` to send a request of one’s own. */
  readonly dedupe?: Override<DedupeOptions>;
  /** Options of the policy; `false` to send no key and keep no result. */
  readonly idempotency?: Override<IdempotencyOptions>;
  /** Options of the policy, but for those of the shared circuit; `false` to be sent in any case, and not to count. */
  readonly breaker?: Override<BreakerOverride>;
  /** Options of the policy, but for the shared bounds; `false` to go past them. */
  readonly limit?: Override<LimitOverride>;
  /** `false` to replace nobody, and not to be replaced. */
  readonly latest?: Override<LatestOptions>;
  /** How to pick one; `false` to send the request where its URL says. */
  readonly endpoints?: Override<Pick<EndpointsOptions, 'pick' | 'zones'>>;
  /** Options of the policy; `false` to have the failure itself, and keep no answer. */
  readonly staleIfError?: Override<StaleIfErrorOptions>;
  /** `false` to have the failure itself. */
  readonly fallback?: Override<FallbackOptions>;
  /** `false` to go unobserved. */
  readonly observe?: boolean;
  /** `false` to write no line. */
  readonly log?: boolean;
  /** `false` to send no `traceparent`. */
  readonly trace?: boolean;
  /** `false` not to be counted. */
  readonly metrics?: boolean;
  /** `false` for no spans and measurements. */
  readonly opentelemetry?: boolean;
  /** `false` not to be counted. */
  readonly prometheus?: boolean;
}

/** The members of an init that are kyoa's; whatever neither fetch nor kyoa knows goes to the transport. */
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
