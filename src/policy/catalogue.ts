/** The policies that a document may have: how each is made of its options, and what a route may change. */
import type { Middleware } from '../core/context.ts';
import { policyOptions } from '../core/options.ts';
import { breaker, breakerOptions } from '../middleware/breaker/breaker.ts';
import { chaos, chaosOptions } from '../middleware/chaos.ts';
import { deadline, deadlineOptions } from '../middleware/deadline.ts';
import { dedupe, dedupeOptions } from '../middleware/dedupe/dedupe.ts';
import { endpoints, endpointsOptions } from '../middleware/endpoints/endpoints.ts';
import { fallback, fallbackOptions } from '../middleware/fallback.ts';
import { hedge, hedgeOptions } from '../middleware/hedge/hedge.ts';
import { idempotency, idempotencyOptions } from '../middleware/idempotency/idempotency.ts';
import { latest, latestOptions } from '../middleware/latest.ts';
import { limit, limitOptions } from '../middleware/limit/limit.ts';
import { log, logOptions } from '../middleware/log.ts';
import { maxBody, maxBodyOptions } from '../middleware/max-body.ts';
import { metrics, metricsOptions } from '../middleware/metrics/metrics.ts';
import { race, raceOptions } from '../middleware/race.ts';
import { resume, resumeOptions } from '../middleware/resume/resume.ts';
import { retry, retryOptions } from '../middleware/retry.ts';
import { shed, shedOptions } from '../middleware/shed/shed.ts';
import { staleIfError, staleIfErrorOptions } from '../middleware/stale-if-error/stale-if-error.ts';
import { timeout, timeoutOptions } from '../middleware/timeout/timeout.ts';
import { trace } from '../middleware/trace.ts';

type Given = Readonly<Record<string, unknown>>;

export interface PolicyKind {
  create(options: never): Middleware;
  readonly options: {
    readonly shape: Given;
    readonly scalar?: string;
    readonly perCall?: readonly string[];
    forCall(ctx: { readonly options: Given }, own: never): unknown;
  };
  /** The member that the function of the policy takes beside its options. */
  readonly subject?: string;
}

const noOptions: PolicyKind['options'] = {
  shape: {},
  perCall: [],
  forCall: (ctx, own) => policyOptions('trace', {}, { perCall: [] }).forCall(ctx, own),
};

/** In the order of docs/onion.md, outermost first. Without a prototype: a document may have any name. */
export const catalogue: Readonly<Record<string, PolicyKind>> = Object.assign(Object.create(null), {
  log: { create: log, options: logOptions },
  metrics: { create: metrics, options: metricsOptions },
  shed: { create: shed, options: shedOptions },
  fallback: {
    create: ({ respond, ...options }: { respond: unknown }) =>
      fallback(
        Object.assign(() => respond, { toJSON: () => respond }),
        options,
      ),
    options: fallbackOptions,
    subject: 'respond',
  },
  staleIfError: { create: staleIfError, options: staleIfErrorOptions },
  maxBody: { create: maxBody, options: maxBodyOptions },
  timeout: { create: timeout, options: timeoutOptions },
  latest: { create: latest, options: latestOptions },
  dedupe: { create: dedupe, options: dedupeOptions },
  resume: { create: resume, options: resumeOptions },
  idempotency: { create: idempotency, options: idempotencyOptions },
  retry: { create: retry, options: retryOptions },
  breaker: { create: breaker, options: breakerOptions },
  limit: { create: limit, options: limitOptions },
  race: {
    create: ({ urls, ...options }: { urls: readonly string[] }) => race(urls, options),
    options: raceOptions,
    subject: 'urls',
  },
  hedge: { create: hedge, options: hedgeOptions },
  endpoints: {
    create: ({ list, ...options }: { list: Parameters<typeof endpoints>[0] }) => endpoints(list, options),
    options: endpointsOptions,
    subject: 'list',
  },
  trace: { create: () => trace(), options: noOptions },
  deadline: { create: deadline, options: deadlineOptions },
  chaos: { create: chaos, options: chaosOptions },
});
