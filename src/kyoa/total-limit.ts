/** Limits what the client runs outside the pipeline, which are hooks and the parsing of a body, by the `total` of the call. */
import type { Context } from '../core/context.ts';
import { afterRest, LimitTimer } from '../core/engine/timers.ts';
import { TimeoutError } from '../core/errors.ts';
import { discard } from '../lib/body/discard.ts';
import { totalOfCall } from '../middleware/timeout/timeout.ts';

/** A class, because closures would allocate more per call. */
export class TotalLimit {
  #call: Pick<Context, 'stack' | 'options'>;
  #started = performance.now();

  constructor(call: Pick<Context, 'stack' | 'options'>) {
    this.#call = call;
  }

  /** The request is passed to the pipeline: its `total` begins here, too. */
  restart(call: Pick<Context, 'stack' | 'options'>): void {
    this.#call = call;
    this.#started = performance.now();
  }

  /** Resolves as `work` does, or rejects with a `TimeoutError`. A Response that comes too late is discarded. */
  async run<T>(work: () => T | Promise<T>, request?: Request): Promise<T> {
    const limit = totalOfCall(this.#call);
    if (limit === Infinity) return work();
    const elapsed = performance.now() - this.#started;
    return new Promise((resolve, reject) => {
      let expired = false;
      const expire = (): void => {
        expired = true;
        const facts = { phase: 'total', limit, elapsed: performance.now() - this.#started } as const;
        reject(new TimeoutError(facts, { request }));
      };
      if (elapsed >= limit) return expire();
      const timer = new LimitTimer(limit - elapsed, (rest) => afterRest(rest, expire));
      const settle = async (): Promise<void> => {
        try {
          const value = await work();
          if (expired && value instanceof Response) discard(value);
          resolve(value);
        } catch (error) {
          reject(error);
        } finally {
          timer.cancel();
        }
      };
      void settle();
    });
  }
}
