/** What platforms have or lack: requests that are bound to their objects, an HTTP cache, notice of a collected object. */
import { noop } from './noop.ts';

/**
 * Whether the platform is one of Workers. They tie timers, promises, streams and signals to the request that made them. A
 * request that waits for another one there fails, and a timer ends with its request. Calls of different requests may share
 * plain data only. The platform's name is in `navigator`, which libraries for a DOM replace; this class is there at every date.
 */
export function isRequestBound(): boolean {
  return 'WebSocketPair' in globalThis;
}

/** ms; it bounds what a wait costs, and by how much it may be late. */
export const lookInterval = 20;

/** Looks at intervals, by a timer of the present request, and calls `done` once `look` returns true. Returns a function that ends the wait. */
export function lookAgain(look: () => boolean, done: () => void): () => void {
  const end = (): void => clearInterval(timer);
  const timer = setInterval(() => {
    if (!look()) return;
    end();
    done();
  }, lookInterval);
  return end;
}

/**
 * Whether the platform's fetch has an HTTP cache. Chromium holds back a second GET of a URL for up to 20 s, until the headers
 * of the first one show whether the cache can serve it; `cache: 'no-store'` bypasses that lock. Elsewhere the mode would only
 * add `Cache-Control: no-cache` to the request, or be refused.
 */
export function hasHttpCache(): boolean {
  return typeof document !== 'undefined' || ('WorkerGlobalScope' in globalThis && !isRequestBound());
}

export type Registry<Held> = Pick<FinalizationRegistry<Held>, 'register'> & { unregister(token: WeakKey): void };

/**
 * A registry that never calls back where the platform has none, and on Workers: there the callback belongs to no request,
 * and must not clear a timer.
 */
export function collectedRegistry<Held>(onCollected: (held: Held) => void): Registry<Held> {
  if (typeof FinalizationRegistry === 'undefined' || isRequestBound()) return { register: noop, unregister: noop };
  return new FinalizationRegistry(onCollected);
}
