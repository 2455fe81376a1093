/** All policies that the page offers, in their usual order, outermost first. */
import type { Call } from './expression.ts';
import { breaker } from './policies/breaker.ts';
import { dedupe } from './policies/dedupe.ts';
import { endpoints } from './policies/endpoints.ts';
import { fallback } from './policies/fallback.ts';
import { hedge } from './policies/hedge.ts';
import { idempotency } from './policies/idempotency.ts';
import { latest } from './policies/latest.ts';
import { limit } from './policies/limit.ts';
import { read } from './policies/policy.ts';
import type { Policy } from './policies/policy.ts';
import { race } from './policies/race.ts';
import { resume } from './policies/resume.ts';
import { retry } from './policies/retry.ts';
import { staleIfError } from './policies/stale-if-error.ts';
import { timeout } from './policies/timeout.ts';
import type { PolicyEntry, PolicyName } from './types.ts';

export const catalogue: readonly Policy[] = [
  fallback,
  staleIfError,
  timeout,
  latest,
  dedupe,
  resume,
  idempotency,
  retry,
  hedge,
  breaker,
  limit,
  endpoints,
  race,
];

export function policyOf(name: PolicyName): Policy {
  return catalogue.find((policy) => policy.name === name)!;
}

/** The expression of a layer. `origin` is the origin of the calls, without a slash at its end. */
export function express({ policy, options }: Pick<PolicyEntry, 'policy' | 'options'>, origin: string): Call {
  const { options: descriptors, express } = policyOf(policy);
  return express(read(descriptors, options), origin);
}
