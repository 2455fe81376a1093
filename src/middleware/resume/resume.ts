/** Continues a response body that has broken off. Placed inside the total `timeout` and `dedupe`, and outside `retry`. */
import type { Middleware } from '../../core/context.ts';
import { maxBufferedBody } from '../../core/engine/http-constants.ts';
import { isRepeatable } from '../../core/engine/request-body.ts';
import {
  asPolicy,
  count,
  delay,
  fn,
  methods,
  policyOptions,
  type PolicyOptions,
  type Settings,
} from '../../core/options.ts';
import { exponential, type Backoff } from '../../lib/backoff.ts';
import { continueBody, isEventStream } from '../../lib/body/watch.ts';
import { budget, budgetIn, budgetOr, type Budget } from '../../lib/budget.ts';
import { continuation } from './continuation.ts';

/**
 * The options of `resume()`. Durations are in ms.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/resume.md#options
 */
export interface ResumeOptions {
  /** Further requests in a row that bring no new byte; 0 for none. @default 5 */
  readonly continuations?: number | undefined;
  /** The delay before a further request, ms. @default exponential(200, 10_000) */
  readonly backoff?: Backoff | undefined;
  /** Limits the further requests of all calls together; `false` for no limit. @default that of `retry`, or budget() in a stack without it */
  readonly budget?: Budget | false | undefined;
  /** Methods whose responses are continued. @default ['GET'] */
  readonly methods?: readonly string[] | undefined;
  /** The most bytes that are kept to compare, where the response has no strong validator; 0 for none. @default 1_048_576 */
  readonly compare?: number | undefined;
  /** Draws from [0, 1) for the jitter. @default Math.random */
  readonly random?: (() => number) | undefined;
}

type Policy = Settings<ResumeOptions, 'budget'>;

export const resumeOptions: PolicyOptions<Policy> = /* @__PURE__ */ policyOptions('resume', {
  continuations: [count, 5],
  backoff: [fn, /* @__PURE__ */ exponential(200, 10_000), delay],
  budget: [budgetOr, undefined],
  methods: [methods, ['GET']],
  compare: [count, maxBufferedBody],
  random: [fn, () => Math.random()],
});

/**
 * Continues a response body that has broken off: its reader does not notice. The rest is requested with `Range` and
 * `If-Range` (RFC 9110 §14.2, §13.1.5) if the response has a strong validator. Otherwise the whole is requested again, and
 * its first bytes are compared with those that the reader has. If the reader has none, as one that waits for `json()` or
 * `text()`, the whole is simply read again. The bytes of two versions are never joined. The Response stays that of the first
 * request, with its `url` and headers.
 *
 * Responses with an error status, event streams and responses of a handler are not continued. Neither is the response to a
 * request whose body can be sent only once. An abort, and a limit that expires outside this policy, end the body as ever.
 *
 * Per call: `resume: { ... }` or `resume: false`.
 *
 * @throws {KyoaError} `INVALID_OPTION`. The read of the body rejects with `BODY_CHANGED` if the server has another version
 * of what the reader has in part, and with the error of the break if there is no further request.
 * @example
 * ```ts
 * const fetch = createFetch({ use: [timeout({ total: 600_000 }), resume(), retry()] });
 * const { body } = await fetch('https://cdn.example.com/video.mp4');
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/resume.md
 */
export function resume(options: ResumeOptions = {}): Middleware {
  const own = resumeOptions.parse(options);
  const spare = budget();
  let stack: readonly Middleware[] | undefined;
  /** The budget of `retry` in this stack. */
  let shared: Budget | false | undefined;

  return asPolicy(options, function resume(ctx, next) {
    const policy = resumeOptions.forCall(ctx, own);
    const { side, method, body } = ctx;
    if (policy === undefined || side === 'server' || !policy.methods.includes(method) || !isRepeatable(body))
      return next();
    if (ctx.stack !== stack) shared = budgetIn((stack = ctx.stack));
    const limit = policy.budget ?? shared ?? spare;
    if (limit && limit !== shared) limit.deposit(); // `retry` counts the calls of its own budget

    return next().then((response) => {
      if (response.ok && !isEventStream(response))
        continueBody(response, () => continuation(ctx, next, policy, limit, response));
      return response;
    });
  });
}
