/** One call of the function `renew`. It ends with its lease, or with the session. */
import pTimeout from 'p-timeout';

import { attemptOf, type Context } from '../../core/context.ts';
import { KyoaError } from '../../core/errors.ts';
import { noop } from '../../lib/noop.ts';
import { isRequestBound } from '../../lib/platform.ts';

/**
 * What the option `renew` of `auth()` is called with.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/auth.md#tokens
 */
export interface Renewal<T> {
  /** The token to replace; `undefined` for the first one. */
  readonly token: T | undefined;
  /** Whose token it is: what `key` has returned; `undefined` without `key`. */
  readonly user: string | undefined;
  /** Aborts when the result is no longer wanted: after a sign-out, or when the time of a lease is over. */
  readonly signal: AbortSignal;
  /** The same for every try of one renewal, also if another process takes over: an idempotency key for the token server. */
  readonly requestId: string;
}

export type Renew<T> = (renewal: Renewal<T>) => Promise<T | undefined>;

export const abandoned: unique symbol = /* @__PURE__ */ Symbol('abandoned');

/** ms. */
const grace = 10;

export class RenewalCall<T> {
  readonly #renewal: Renewal<T>;
  readonly #own = new AbortController();
  #resolve: (result: typeof abandoned) => void = noop;
  #isStarting = false;

  constructor(renewal: Omit<Renewal<T>, 'signal'>) {
    this.#renewal = { ...renewal, signal: this.#own.signal };
  }

  /** `lease`: how long it may take, ms. */
  async run(renew: Renew<T>, lease: number): Promise<T | undefined | typeof abandoned> {
    const isAbandoned = new Promise<typeof abandoned>((resolve) => (this.#resolve = resolve));
    const giveUp = (): never => {
      const hint = 'a call that it makes through the same client needs auth: false';
      const error = new KyoaError('RENEWAL_TIMEOUT', `auth renew has not ended within ${lease} ms, its lease; ${hint}`);
      this.#own.abort(error);
      throw error;
    };
    this.#isStarting = true;
    const work = renew(this.#renewal);
    this.#isStarting = false;
    const ended = Promise.race([work, isAbandoned]);
    // After a freeze the timer is late, and the response may be in the socket: the event loop reads it first.
    const fallback = (): typeof ended => pTimeout(ended, { milliseconds: grace, fallback: giveUp });
    return pTimeout(ended, { milliseconds: lease, fallback });
  }

  /** Ends it without a result. */
  abandon(): void {
    if (isRequestBound()) return; // a request cannot end the work of another one
    this.#resolve(abandoned);
    this.#own.abort(new DOMException('The session has ended', 'AbortError'));
  }

  /**
   * Whether `renew` makes this call. One that it makes before its first `await` is always known, a later one by the signal or the
   * `requestId` of the renewal: only Node knows from which code a call comes.
   */
  makes(ctx: Context): boolean {
    const { signal, requestId } = this.#renewal;
    return this.#isStarting || attemptOf(ctx).call.signal === signal || ctx.options['requestId'] === requestId;
  }
}
