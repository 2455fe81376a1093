/** Two requests for one URL at the same time, in browsers that would answer the second from what the first brings. */
import { derive } from './replay.ts';

/**
 * Chromium holds back a second GET of a URL, for up to 20 s, until the first one's headers have told whether it may be
 * answered from the HTTP cache; `no-store` goes past that lock. Elsewhere there is no such cache, and the mode would
 * only send `Cache-Control: no-cache` along.
 */
export function pastCacheLock(request: Request): Request {
  const inBrowser = typeof document !== 'undefined' || 'WorkerGlobalScope' in globalThis;
  return inBrowser && request.cache === 'default' ? derive(request, { cache: 'no-store' }) : request;
}
