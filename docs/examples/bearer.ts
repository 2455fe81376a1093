/** Adds a token to every request, and renews the token after a 401. Placed outside `dedupe`, `idempotency` and `retry`. */
import { KyoaError, type Middleware } from 'kyoa';

export interface BearerOptions {
  /** Gets a fresh token. */
  readonly renew: () => Promise<string>;
}

/** Per call: `bearer: false` sends the request without a token. */
export function bearer({ renew }: BearerOptions): Middleware {
  if (typeof renew !== 'function') throw new KyoaError('INVALID_OPTION', 'bearer renew must be a function');
  let token: Promise<string> | undefined;

  const fresh = (): Promise<string> => {
    const mine = renew();
    token = mine;
    mine.catch(() => {
      if (token === mine) token = undefined; // the next call tries again
    });
    return mine;
  };

  return async function bearer(ctx, next) {
    if (ctx.options['bearer'] === false) return next();
    const used = token ?? fresh();
    const response = await next({ headers: { authorization: `Bearer ${await used}` } });
    if (response.status !== 401) return response;

    void response.body?.cancel();
    const renewed = token === used ? fresh() : (token ?? fresh()); // of several refused calls, one renews
    ctx.emit({ type: 'bearer.renewed' });
    return next({ headers: { authorization: `Bearer ${await renewed}` } });
  };
}
