/**
 * Workers tie timers, promises, streams and signals to the request that made them. A request that waits for another one
 * there fails, and a timer ends with its request. Calls of different requests may share plain data only.
 */

/** Whether the platform does so. Its name is in `navigator`, which libraries for a DOM replace; this class is there at every date. */
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
