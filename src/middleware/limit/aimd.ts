/** A concurrency that is learnt: it grows while the server keeps up, and gives way when it does not. */
import { count, invalid, object, positive, type Settings, type Shape } from '../../core/options.ts';

export interface AimdOptions {
  /** Where it begins. @default 20 */
  readonly initial?: number;
  /** @default 1 */
  readonly min?: number;
  /** @default 200 */
  readonly max?: number;
  /** What is left of it after a sign of overload, 0..1. @default 0.9 */
  readonly backoff?: number;
}

/** How many calls may run at a time. */
export interface Concurrency {
  readonly limit: number;
  /** The server kept up with `running` calls. */
  answered(running: number): void;
  /** A call that `started` then, on the clock of `performance.now()`, was too much for it. */
  overloaded(started: number): void;
}

/** Learns for each key anew. */
export interface Aimd {
  create(): Concurrency;
}

export const aimdShape: Shape<Settings<AimdOptions, 'initial'>> = {
  initial: [positive, undefined],
  min: [positive, 1],
  max: [positive, 200],
  backoff: [share, 0.9],
};

/**
 * Additive increase, multiplicative decrease: one more for each round of answers, but only while at least half of it
 * is used; and a tenth less at a sign of overload, once for all calls that were under way then.
 *
 * @throws {KyoaError} `INVALID_OPTION`
 * @see https://github.com/Netflix/concurrency-limits (AIMDLimit: 20, 200 and 0.9 are its numbers), and RFC 5681 §3.1
 * for TCP, which adds 1 a round trip and reduces once for all losses of one
 */
export function aimd(options: AimdOptions = {}): Aimd {
  const { min, max, initial = Math.min(Math.max(20, min), max), backoff } = object('aimd', options, aimdShape);
  count('aimd max', max, min);
  count('aimd initial', initial, min);
  if (initial > max) throw invalid('aimd initial', initial, `at most max, ${max}`);

  return {
    create() {
      let limit = initial;
      let reduced = -Infinity;
      return {
        get limit() {
          return Math.floor(limit);
        },
        answered(running) {
          if (2 * running >= limit) limit = Math.min(max, limit + 1 / limit);
        },
        overloaded(started) {
          if (started <= reduced) return;
          limit = Math.max(min, limit * backoff);
          reduced = performance.now();
        },
      };
    },
  };
}

function share(name: string, value: number): number {
  if (value > 0 && value < 1) return value;
  throw invalid(name, value, 'a number between 0 and 1');
}
