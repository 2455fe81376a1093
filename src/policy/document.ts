/** The form of a policy document. */
import type { BreakerOptions } from '../middleware/breaker/breaker.ts';
import type { ChaosOptions } from '../middleware/chaos.ts';
import type { DeadlineOptions } from '../middleware/deadline.ts';
import type { DedupeOptions } from '../middleware/dedupe/dedupe.ts';
import type { Endpoint } from '../middleware/endpoints/endpoint-list.ts';
import type { EndpointsOptions } from '../middleware/endpoints/endpoints.ts';
import type { HedgeOptions } from '../middleware/hedge/hedge.ts';
import type { IdempotencyOptions } from '../middleware/idempotency/idempotency.ts';
import type { LatestOptions } from '../middleware/latest.ts';
import type { LimitOptions } from '../middleware/limit/limit.ts';
import type { LogOptions } from '../middleware/log.ts';
import type { MaxBodyOptions } from '../middleware/max-body.ts';
import type { MetricsOptions } from '../middleware/metrics/metrics.ts';
import type { RaceOptions } from '../middleware/race.ts';
import type { ResumeOptions } from '../middleware/resume/resume.ts';
import type { RetryOptions } from '../middleware/retry.ts';
import type { ShedOptions } from '../middleware/shed/shed.ts';
import type { StaleIfErrorOptions } from '../middleware/stale-if-error/stale-if-error.ts';
import type { TimeoutOptions } from '../middleware/timeout/timeout.ts';
import type { StandardOptions } from '../standard.ts';

/**
 * A stack as data: the policies with their options, and options that differ by route. It is JSON, so a file or a
 * configuration centre can hold it.
 *
 * @example
 * ```ts
 * import { createFetch } from 'kyoa';
 * import { policy, type PolicyDocument } from 'kyoa/policy';
 *
 * const document: PolicyDocument = {
 *   version: 7,
 *   use: [{ standard: { retry: { retries: 2, backoff: { exponential: [100, 5_000] } } } }, { hedge: 0.05 }],
 *   routes: { 'GET https://api.example.com/report/*': { timeout: { total: 120_000 }, hedge: false } },
 * };
 * const fetch = createFetch({ use: policy(document) });
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policy-documents.md
 */
export interface PolicyDocument extends PolicyLayer {
  /** Where the JSON Schema is, for editors: `./node_modules/kyoa/dist/policy.schema.json`. */
  readonly $schema?: string | undefined;
  /** Shown in snapshots and events. kyoa does not compare it. */
  readonly version?: number | string | undefined;
  /** Layers by environment. The one of the present environment lies over the rest of the document. */
  readonly environments?: Readonly<Record<string, PolicyLayer>> | undefined;
}

/**
 * The part of a document that an environment may change.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policy-documents.md#environments
 */
export interface PolicyLayer {
  /** The policies, outermost first. @default [{ standard: {} }] */
  readonly use?: readonly PolicyEntry[] | undefined;
  /**
   * Options of policies by name, over those of the stack. A policy that the stack lacks gets its usual place; `false` takes one
   * out.
   */
  readonly options?: Readonly<Record<string, unknown>> | undefined;
  /** Options for the calls of a route, by method and URL: `GET https://api.example.com/users/*`. */
  readonly routes?: Readonly<Record<string, RouteOptions>> | undefined;
  /** The secrets that the document refers to, by name, and where each is. */
  readonly secrets?: Readonly<Record<string, EnvReference>> | undefined;
}

/**
 * A reference to a variable of the environment, in place of a text that must not stand in a document.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policy-documents.md#secrets
 */
export interface EnvReference {
  readonly env: string;
}

/**
 * One policy of a document: its name alone, or its name with its options.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policy-documents.md#the-stack
 */
export type PolicyEntry = string | WrittenPolicies | OwnEntry;

/** A middleware of the program. A policy of kyoa has its own options, so that a misspelt one does not compile. */
type OwnEntry = Readonly<Record<string, unknown>> & { readonly [Name in keyof WrittenPolicies]?: never };

/**
 * The policies that a document may have, with their options as JSON.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policy-documents.md#the-stack
 */
export interface WrittenPolicies {
  /** The policies of `standard()`. */
  readonly standard?: false | Written<StandardOptions>;
  readonly timeout?: false | number | Written<TimeoutOptions>;
  readonly resume?: false | Written<ResumeOptions>;
  readonly retry?: false | number | Written<RetryOptions>;
  readonly hedge?: false | number | Written<HedgeOptions>;
  readonly dedupe?: false | Written<DedupeOptions>;
  readonly idempotency?: false | Written<IdempotencyOptions>;
  readonly breaker?: false | Written<BreakerOptions>;
  readonly limit?: false | Written<LimitOptions>;
  readonly shed?: false | Written<ShedOptions>;
  readonly deadline?: false | Written<DeadlineOptions>;
  readonly latest?: false | Written<LatestOptions>;
  readonly maxBody?: false | number | Written<MaxBodyOptions>;
  readonly chaos?: false | number | Written<ChaosOptions>;
  readonly staleIfError?: false | Written<StaleIfErrorOptions>;
  /** `respond` is the JSON of the substitute. */
  readonly fallback?: false | { readonly respond: unknown };
  readonly race?: false | ({ readonly urls: readonly (string | Reference)[] } & Written<RaceOptions>);
  readonly endpoints?: false | ({ readonly list: readonly WrittenEndpoint[] } & Written<EndpointsOptions>);
  readonly log?: false | Written<LogOptions>;
  readonly metrics?: false | Written<MetricsOptions>;
  readonly trace?: false | Readonly<Record<string, never>>;
}

/**
 * Options as JSON: a function has the form of the call that makes it, such as `{ "exponential": [200, 10000] }`.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policy-documents.md#functions
 */
export type Written<Options> = { readonly [Name in keyof Options]?: WrittenValue<Exclude<Options[Name], undefined>> };
type WrittenValue<Value> = Value extends number
  ? Value | 'Infinity'
  : Value extends string
    ? Value | Reference
    : Value extends boolean | readonly unknown[]
      ? Value
      : string | number | Readonly<Record<string, unknown>>;
type Reference = EnvReference | { readonly secret: string };
type WrittenEndpoint = Omit<Endpoint, 'url'> & { readonly url: string | Reference };

/**
 * The options for the calls of a route, as a call itself may have them.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policy-documents.md#routes
 */
export type RouteOptions = Readonly<Record<string, unknown>>;
