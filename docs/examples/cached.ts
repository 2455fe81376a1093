/** A cache of responses, on the Cache API of browsers and service workers. Placed outside `standard()`. */
import type { Middleware } from 'kyoa';

/** `maxAge` in ms. For what is the same for every user: the key is the URL. Per call: `cached: false` asks the server. */
export function cached(name: string, maxAge: number): Middleware {
  return async function cached(ctx, next) {
    if (ctx.method !== 'GET' || ctx.options['cached'] === false) return next();
    const cache = await caches.open(name);
    const found = await cache.match(ctx.url);
    if (found && Date.now() - Number(found.headers.get('x-stored-at')) < maxAge) return found;

    const response = await next();
    if (response.ok) {
      const copy = response.clone();
      const headers = new Headers(copy.headers);
      headers.set('x-stored-at', String(Date.now()));
      ctx.background(cache.put(ctx.url, new Response(copy.body, { headers })).catch(() => {})); // a full disk
    }
    return response;
  };
}
