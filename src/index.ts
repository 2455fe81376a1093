/** The public names of `kyoa`. */
export { default } from './kyoa.ts';
export type { InstanceExtension, InstanceOptions, Kyoa, Kyoa as KyInstance, Options } from './kyoa.ts';

export { createFetch } from './fetch.ts';
export { createHandler } from './handler.ts';
export type { CallOptions } from './call-options.ts';
export type { FetchExtension, FetchOptions, KyoaFetch } from './fetch.ts';
export type { LiveStack } from './stack.ts';
export type { PipelineOptions } from './pipeline.ts';
export type { KyoaHandler } from './handler.ts';
export type { Fetch } from './transport.ts';
export { standard } from './standard.ts';
export type { StandardOptions } from './standard.ts';
export { compose } from './core/compose.ts';
export type { Background, Context, Fork, Handler, Middleware, Next } from './core/context.ts';

export { auth } from './middleware/auth/auth.ts';
export type { Auth, AuthOptions, AuthOverride } from './middleware/auth/auth.ts';
export type { Renewal } from './middleware/auth/renewal.ts';
export type { Token } from './middleware/auth/token.ts';
export { breaker } from './middleware/breaker/breaker.ts';
export type { Breaker, BreakerOptions, BreakerOverride, BreakerSnapshot } from './middleware/breaker/breaker.ts';
export { chaos } from './middleware/chaos.ts';
export type { ChaosError, ChaosOptions, ChaosOverride } from './middleware/chaos.ts';
export { deadline } from './middleware/deadline.ts';
export type { DeadlineOptions } from './middleware/deadline.ts';
export { dedupe } from './middleware/dedupe/dedupe.ts';
export type { DedupeOptions } from './middleware/dedupe/dedupe.ts';
export { endpoints } from './middleware/endpoints/endpoints.ts';
export type { EndpointsOptions, EndpointsPolicy } from './middleware/endpoints/endpoints.ts';
export { fallback } from './middleware/fallback.ts';
export type { FallbackOptions, Substitute } from './middleware/fallback.ts';
export { hedge } from './middleware/hedge/hedge.ts';
export type { HedgeOptions } from './middleware/hedge/hedge.ts';
export { idempotency } from './middleware/idempotency/idempotency.ts';
export type { IdempotencyOptions } from './middleware/idempotency/idempotency.ts';
export { maxBody } from './middleware/max-body.ts';
export type { MaxBodyOptions } from './middleware/max-body.ts';
export { latest } from './middleware/latest.ts';
export type { LatestOptions } from './middleware/latest.ts';
export { limit } from './middleware/limit/limit.ts';
export type { Limiter, LimitOptions, LimitOverride, LimitSnapshot } from './middleware/limit/limit.ts';
export { log } from './middleware/log.ts';
export type { LogLevel, LogOptions } from './middleware/log.ts';
export { metrics } from './middleware/metrics/metrics.ts';
export type { Metrics, MetricsOptions, MetricsSnapshot, RouteSnapshot } from './middleware/metrics/metrics.ts';
export { observe } from './middleware/observe.ts';
export { explain } from './telemetry/explain.ts';
export type { ExplainOptions } from './telemetry/explain.ts';
export { race } from './middleware/race.ts';
export type { RaceOptions } from './middleware/race.ts';
export { resume } from './middleware/resume/resume.ts';
export type { ResumeOptions } from './middleware/resume/resume.ts';
export { retry } from './middleware/retry.ts';
export type { RetryOptions } from './middleware/retry.ts';
export { shed } from './middleware/shed/shed.ts';
export type { Shedder, ShedOptions, ShedSnapshot } from './middleware/shed/shed.ts';
export { sign } from './middleware/sign.ts';
export type { Signer, Signing } from './middleware/sign.ts';
export { staleIfError } from './middleware/stale-if-error/stale-if-error.ts';
export type { StaleIfErrorOptions } from './middleware/stale-if-error/stale-if-error.ts';
export { timeline } from './telemetry/timeline.ts';
export type { TimelineOptions } from './telemetry/timeline.ts';
export { trace } from './middleware/trace.ts';
export { timeout } from './middleware/timeout/timeout.ts';
export type { Limit, TimeoutOptions } from './middleware/timeout/timeout.ts';

export { adaptive } from './middleware/timeout/adaptive.ts';
export type { Adaptive, AdaptiveOptions, Measurement } from './middleware/timeout/adaptive.ts';
export { meanPlusDeviation, quantile, rto } from './middleware/timeout/estimators.ts';
export type { Estimate } from './middleware/timeout/estimators.ts';
export { byOrigin, byRequest, byRoute } from './lib/keys.ts';
export type { Key } from './lib/keys.ts';
export { flush } from './lib/latency/history.ts';
export type { EjectOptions } from './middleware/endpoints/outlier-detection.ts';
export { constant, decorrelated, exponential } from './lib/backoff.ts';
export type { Backoff } from './lib/backoff.ts';
export { budget } from './lib/budget.ts';
export type { Budget, BudgetOptions } from './lib/budget.ts';
export { aimd } from './middleware/limit/aimd.ts';
export type { Aimd, AimdOptions, Concurrency } from './middleware/limit/aimd.ts';
export type { HistogramSnapshot } from './middleware/metrics/histogram.ts';
export { announced } from './middleware/limit/announced.ts';
export type { Announced, Rate } from './middleware/limit/rates.ts';
export type { LimitState } from './middleware/limit/semaphore.ts';
export type { CircuitSnapshot } from './middleware/breaker/circuit.ts';
export type { Outcome, When } from './lib/outcome.ts';
export type { Endpoint, EndpointSnapshot } from './middleware/endpoints/endpoint-list.ts';

export { memory } from '../adapters/storage/memory.ts';
export type { MemoryOptions } from '../adapters/storage/memory.ts';
export type { Across } from './core/shared-limits.ts';
export type { DeleteOptions, Entry, SetOptions, Storage, Version } from './core/storage.ts';

export type { CustomFact, Fact, KyoaEvent, Listener } from './core/events.ts';
export {
  BodySizeError,
  CircuitOpenError,
  IdempotencyError,
  KyoaError,
  LimitError,
  StorageError,
  TimeoutError,
} from './core/errors.ts';
export type { KyoaErrorCode, KyoaErrorOptions, TimeoutFacts, TimeoutPhase } from './core/errors.ts';

export {
  ForceRetryError,
  HTTPError,
  isForceRetryError,
  isHTTPError,
  isKyError,
  isNetworkError,
  isTimeoutError,
  KyError,
  NetworkError,
  replaceOption,
  SchemaValidationError,
} from './kyoa.ts';
export type {
  AfterResponseHook,
  AfterResponseState,
  BeforeErrorHook,
  BeforeErrorState,
  BeforeRequestHook,
  BeforeRequestState,
  Hooks,
  InitHook,
  Input,
  KyRequest,
  KyResponse,
  NormalizedOptions,
  Progress,
  ResponsePromise,
  SearchParamsOption,
  StandardSchemaV1,
  StandardSchemaV1InferOutput,
  StandardSchemaV1Issue,
} from './kyoa.ts';
