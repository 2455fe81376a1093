/** `kyoa/policy`: the options of every policy as data, for editors and forms. */
import {
  array,
  boolean,
  count,
  delay,
  duration,
  fn,
  keyFn,
  methods,
  object,
  objectOrFalse,
  oneOf,
  positive,
  ratio,
  text,
  type Option,
} from '../core/options.ts';
import { budgetShape } from '../lib/budget.ts';
import { authOptions } from '../middleware/auth/auth.ts';
import { breakerOptions } from '../middleware/breaker/breaker.ts';
import { chaosOptions } from '../middleware/chaos.ts';
import { deadlineOptions } from '../middleware/deadline.ts';
import { dedupeOptions } from '../middleware/dedupe/dedupe.ts';
import { endpointsOptions } from '../middleware/endpoints/endpoints.ts';
import { fallbackOptions } from '../middleware/fallback.ts';
import { hedgeOptions } from '../middleware/hedge/hedge.ts';
import { idempotencyOptions } from '../middleware/idempotency/idempotency.ts';
import { latestOptions } from '../middleware/latest.ts';
import { aimdShape } from '../middleware/limit/aimd.ts';
import { limitOptions } from '../middleware/limit/limit.ts';
import { rates } from '../middleware/limit/rates.ts';
import { logOptions } from '../middleware/log.ts';
import { maxBodyOptions } from '../middleware/max-body.ts';
import { metricsOptions } from '../middleware/metrics/metrics.ts';
import { raceOptions } from '../middleware/race.ts';
import { resumeOptions } from '../middleware/resume/resume.ts';
import { retryOptions } from '../middleware/retry.ts';
import { shedOptions } from '../middleware/shed/shed.ts';
import { staleIfErrorOptions } from '../middleware/stale-if-error/stale-if-error.ts';
import { adaptiveShape } from '../middleware/timeout/adaptive.ts';
import { timeoutOptions } from '../middleware/timeout/timeout.ts';

/**
 * What values an option takes. A `delay` may be 0 and a `duration` may not; both are in ms. A `ratio` is 0..1, a
 * `count` is a whole number.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/writing-a-middleware.md#the-options-of-kyoas-policies-as-data
 */
export type OptionKind =
  | 'duration'
  | 'delay'
  | 'count'
  | 'ratio'
  | 'number'
  | 'boolean'
  | 'text'
  | 'choice'
  | 'list'
  | 'function'
  | 'object'
  | 'other';

/**
 * One option of a policy, as data.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/writing-a-middleware.md#the-options-of-kyoas-policies-as-data
 */
export interface OptionSchema {
  readonly kind: OptionKind;
  readonly required: boolean;
  /** Absent where there is none, and where it is no plain data, as a function is not. */
  readonly default?: unknown;
  /** Whether a call may override the option. */
  readonly perCall: boolean;
  /** The least value of a `count` that may not be 0. */
  readonly minimum?: number;
  /** Whether `false` takes the place of an `object`. */
  readonly mayBeFalse?: true;
  /** The values of a `choice`. */
  readonly choices?: readonly string[];
  /** The options of an `object`, by name. */
  readonly options?: Readonly<Record<string, OptionSchema>>;
}

/**
 * The options of one policy, as data.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/writing-a-middleware.md#the-options-of-kyoas-policies-as-data
 */
export interface PolicySchema {
  /** By name. */
  readonly options: Readonly<Record<string, OptionSchema>>;
  /** The option that a number sets in a call: `retry: 2` is `retry: { retries: 2 }`. */
  readonly scalar?: string;
}

/**
 * The names in `schemas`: those of the policies, and of `adaptive`, `aimd` and `budget`.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/writing-a-middleware.md#the-options-of-kyoas-policies-as-data
 */
export type SchemaName =
  | 'adaptive'
  | 'aimd'
  | 'auth'
  | 'breaker'
  | 'budget'
  | 'chaos'
  | 'deadline'
  | 'dedupe'
  | 'endpoints'
  | 'fallback'
  | 'hedge'
  | 'idempotency'
  | 'latest'
  | 'maxBody'
  | 'limit'
  | 'log'
  | 'metrics'
  | 'observe'
  | 'race'
  | 'resume'
  | 'retry'
  | 'shed'
  | 'sign'
  | 'staleIfError'
  | 'timeout'
  | 'trace';

const kinds = new Map<unknown, OptionKind>([
  [duration, 'duration'],
  [delay, 'delay'],
  [count, 'count'],
  [positive, 'count'],
  [ratio, 'ratio'],
  [boolean, 'boolean'],
  [text, 'text'],
  [oneOf, 'choice'],
  [array, 'list'],
  [methods, 'list'],
  [fn, 'function'],
  [keyFn, 'function'],
  [object, 'object'],
  [objectOrFalse, 'object'],
  [rates, 'object'],
]);

/**
 * The options of every policy as data, and of `adaptive`, `aimd` and `budget`, whose results are options of policies.
 *
 * @example
 * ```ts
 * import { schemas } from 'kyoa/policy';
 *
 * for (const [name, { kind, default: value }] of Object.entries(schemas.retry.options)) console.log(name, kind, value);
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/writing-a-middleware.md#the-options-of-kyoas-policies-as-data
 */
export const schemas: Readonly<Record<SchemaName, PolicySchema>> = {
  adaptive: { options: describe(adaptiveShape) },
  aimd: { options: describe(aimdShape) },
  auth: describePolicy(authOptions),
  breaker: describePolicy(breakerOptions),
  budget: { options: describe(budgetShape) },
  chaos: describePolicy(chaosOptions),
  deadline: describePolicy(deadlineOptions),
  dedupe: describePolicy(dedupeOptions),
  endpoints: describePolicy(endpointsOptions),
  fallback: describePolicy(fallbackOptions),
  hedge: describePolicy(hedgeOptions),
  idempotency: describePolicy(idempotencyOptions),
  latest: describePolicy(latestOptions),
  maxBody: describePolicy(maxBodyOptions),
  limit: describePolicy(limitOptions),
  log: describePolicy(logOptions),
  metrics: describePolicy(metricsOptions),
  observe: { options: {} },
  race: describePolicy(raceOptions),
  resume: describePolicy(resumeOptions),
  retry: describePolicy(retryOptions),
  shed: describePolicy(shedOptions),
  sign: { options: {} },
  staleIfError: describePolicy(staleIfErrorOptions),
  timeout: describePolicy(timeoutOptions),
  trace: { options: {} },
};

type Options = Readonly<Record<string, Option<unknown>>>;

interface Policy {
  readonly shape: Options;
  readonly perCall?: readonly string[];
  readonly scalar?: string;
}

function describePolicy({ shape, perCall = Object.keys(shape), scalar }: Policy): PolicySchema {
  return { options: describe(shape, perCall), ...(scalar !== undefined && { scalar }) };
}

function describe(shape: Options, perCall: readonly string[] = []): PolicySchema['options'] {
  const options = Object.entries(shape);
  return Object.fromEntries(options.map(([name, option]) => [name, describeOption(option, perCall.includes(name))]));
}

function describeOption(option: Option<unknown>, perCall: boolean): OptionSchema {
  const [check, fallback, parameter] = option;
  // A default goes through its check, which fills in the defaults within an object.
  const value = fallback === undefined ? undefined : check('', fallback as never, parameter as never);
  const kind = kinds.get(check) ?? kinds.get(parameter) ?? kindOf(value);
  const inner = parameter as Options;
  return {
    kind,
    required: option.length === 1,
    ...(value !== undefined && typeof value !== 'function' && { default: value }),
    perCall,
    ...((check === positive || parameter === positive) && { minimum: 1 }),
    ...(check === objectOrFalse && { mayBeFalse: true }),
    ...(kind === 'choice' && { choices: parameter as readonly string[] }),
    ...(kind === 'object' && { options: describe(inner, perCall ? Object.keys(inner) : []) }),
  };
}

/** The kind of an option whose check is its own, by its default. */
function kindOf(value: unknown): OptionKind {
  if (Array.isArray(value)) return 'list';
  if (typeof value === 'number') return 'number';
  if (typeof value === 'boolean') return 'boolean';
  return typeof value === 'string' ? 'text' : 'other';
}
