/** A learned concurrency limit: it grows while the server keeps up, and shrinks when the server is overloaded. */
import { count, invalid, madeBy, object, positive, type Settings, type Shape } from '../../core/options.ts';

/**
 * The options of `aimd()`.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/limit.md#options
 */
export interface AimdOptions {
  /** The limit at the start. @default 20 */
  readonly initial?: number | undefined;
  /** The limit is never lower. @default 1 */
  readonly min?: number | undefined;
  /** The limit is never higher. @default 200 */
  readonly max?: number | undefined;
  /** The factor by which the limit is reduced after a sign of overload, between 0 and 1. @default 0.9 */
  readonly backoff?: number | undefined;
}

/**
 * A limit of the calls that run at the same time; it may change from call to call.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/limit.md
 */
export interface Concurrency {
  readonly limit: number;
  /** Records a response without a sign of overload, while `running` calls were running. */
  succeeded(running: number): void;
  /** Records a sign of overload on a call that began at `started`, ms on the clock of `performance.now()`. */
  overloaded(started: number): void;
}

/**
 * A limit of concurrency that adapts to the server, as `aimd()` returns it.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/limit.md
 */
export interface Aimd {
  /** A limit for one key, which learns independently of the others. */
  create(): Concurrency;
}

export const aimdShape: Shape<Settings<AimdOptions, 'initial'>> = {
  initial: [positive, undefined],
  min: [positive, 1],
  max: [positive, 200],
  backoff: [share, 0.9],
};

/**
 * Additive increase, multiplicative decrease, for `limit({ concurrency })`. Each round of responses adds one to the
 * limit, but only while at least half of the limit is used. A sign of overload (an expired limit, a 429, a 503)
 * multiplies the limit by `backoff`, once for all calls that were running at that time.
 *
 * @throws {KyoaError} `INVALID_OPTION`
 * @example
 * ```ts
 * const fetch = createFetch({ use: [limit({ concurrency: aimd({ initial: 10, max: 100 }) })] });
 * const response = await fetch('https://api.example.com/users');
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/limit.md
 * @see https://github.com/Netflix/concurrency-limits (AIMDLimit: 20, 200 and 0.9 are its numbers), and RFC 5681 §3.1
 * for TCP, which adds 1 a round trip and reduces once for all losses of one
 */
export function aimd(options: AimdOptions = {}): Aimd {
  const { min, max, initial = Math.min(Math.max(20, min), max), backoff } = object('aimd', options, aimdShape);
  count('aimd max', max, min);
  count('aimd initial', initial, min);
  if (initial > max) throw invalid('aimd initial', initial, `at most max, ${max}`);

  return madeBy('aimd', options, {
    create() {
      let limit = initial;
      let reduced = -Infinity;
      return {
        get limit() {
          return Math.floor(limit);
        },
        succeeded(running) {
          if (2 * running >= limit) limit = Math.min(max, limit + 1 / limit);
        },
        overloaded(started) {
          if (started <= reduced) return;
          limit = Math.max(min, limit * backoff);
          reduced = performance.now();
        },
      };
    },
  });
}

function share(name: string, value: number): number {
  if (value > 0 && value < 1) return value;
  throw invalid(name, value, 'a number between 0 and 1');
}
