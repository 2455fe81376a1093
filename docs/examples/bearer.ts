/** Signs requests with a token, and gets a new one when the server no longer takes it. Stands inside `dedupe`, outside `retry`. */
import { KyoaError, type Middleware } from 'kyoa';

export interface BearerOptions {
  /** Gets a fresh token. */
  readonly renew: () => Promise<string>;
}

/** Per call: `bearer: false` sends the request unsigned. */
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
    const spare = ctx.request.clone(); // sending a request uses up its body
    const used = token ?? fresh();
    const response = await next({ request: signed(ctx.request, await used) });
    if (response.status !== 401) return response;

    void response.body?.cancel();
    const renewed = token === used ? fresh() : (token ?? fresh()); // of several that were refused, one renews
    ctx.emit({ type: 'bearer.renewed' });
    return next({ request: signed(spare, await renewed) });
  };
}

function signed(request: Request, token: string): Request {
  const headers = new Headers(request.headers);
  headers.set('authorization', `Bearer ${token}`);
  return new Request(request, { headers });
}
