/** Decides whether a request that has failed is followed by another one, and waits before it. */
import { sleep } from '../core/engine/timers.ts';
import { CircuitOpenError, LimitError } from '../core/errors.ts';
import type { Backoff } from '../lib/backoff.ts';
import { discardOutcome, isTransient, settle, unwrap, type Outcome } from '../lib/outcome.ts';
import { retryAfter } from '../lib/header-times.ts';

/** 423 is `Locked`: a tus server still has the request that broke off. */
const transient = new Set([408, 423, 425, 429]);

/** The longest pause that a server may request, ms, as of `retry`. */
const longestPause = 60_000;

/** Whether another request may do better. */
export function mayContinue({ response, error }: Outcome): boolean {
  if (response !== undefined) return response.status >= 500 || transient.has(response.status);
  // The client of kyoa has an error of ky around that of the network.
  const { cause } = Object(error) as { readonly cause?: unknown };
  return [error, cause].some(
    (error) => isTransient(error) || error instanceof CircuitOpenError || error instanceof LimitError,
  );
}

/** Counts the requests in a row that have confirmed no new byte. */
export class Continuations {
  readonly #limit: number;
  readonly #backoff: Backoff;
  readonly #signal: AbortSignal;
  #failures = 0;

  constructor(limit: number, backoff: Backoff, signal: AbortSignal) {
    this.#limit = limit;
    this.#backoff = backoff;
    this.#signal = signal;
  }

  /** A new byte was confirmed. */
  reset(): void {
    this.#failures = 0;
  }

  /** Resolves after a pause to whether another request may follow. */
  async next(outcome: Outcome): Promise<boolean> {
    const pause = this.#pauseAfter(outcome);
    if (this.#failures >= this.#limit || pause > longestPause) return false;
    this.#failures += 1;
    discardOutcome(outcome);
    await sleep(pause, this.#signal);
    return true;
  }

  /** Sends a request until another one would do no better. Throws an error that is not of the network. */
  async settle(send: () => Promise<Response>): Promise<Outcome> {
    for (;;) {
      const outcome = await settle(send());
      this.#signal.throwIfAborted();
      if (!mayContinue(outcome)) return { response: unwrap(outcome) };
      if (!(await this.next(outcome))) return outcome;
    }
  }

  #pauseAfter({ response, error }: Outcome): number {
    const asked =
      response !== undefined
        ? retryAfter(response)
        : error instanceof CircuitOpenError
          ? error.retryAt - Date.now()
          : 0;
    return Math.max(asked ?? 0, this.#backoff(this.#failures + 1, Math.random));
  }
}
