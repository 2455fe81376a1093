/** The store of shared limits as one process reaches it: no request waits longer than `timeout` for it. */
import { StorageError } from '../../src/core/errors.ts';
import { afterUnref } from '../../src/core/engine/timers.ts';
import type { Ledger } from './ledger.ts';

export interface Store {
  readonly ledger: Ledger;
  /** The name of this process. */
  readonly member: string;
  /** Why the store is unreachable, if it is. */
  readonly fault: StorageError | undefined;
  /**
   * Whether this process keeps to its own share: during a fault, and after it until all others must have noticed that the
   * store is back, because what they start till then is not in the store.
   */
  readonly isLocal: boolean;
  /**
   * Resolves to the reply, or to `undefined` if there was none within the timeout, which begins a fault. `late` receives a
   * reply that came after that.
   */
  ask<Reply>(request: () => Promise<Reply>, late: (reply: Reply) => void): Promise<Reply | undefined>;
  /** During a fault: sends the request, if none was sent within a second. A reply ends the fault; then calls `done`. */
  retry(request: () => Promise<unknown>, done: () => void): void;
}

/** ms between two attempts to reach the store. */
export const retryInterval = 1_000;
/** How long a process that has reached the store again keeps to its share, ms: clients reconnect within 2.2 s. */
const caution = 4_000;

export function createStore(ledger: Ledger, timeout: number): Store {
  let fault: StorageError | undefined;
  let tried = 0;
  let recovered = -Infinity;

  const reply = <Reply>(request: () => Promise<Reply>, late: (reply: Reply) => void): Promise<Reply> =>
    new Promise((resolve, reject) => {
      let isLate = false;
      const expire = (): void => {
        isLate = true;
        reject(new StorageError(`The store of the shared limit has not answered within ${timeout} ms; is it up?`));
      };
      // If the event loop was blocked, the reply may be in the socket: it is read before the second timer.
      let timer = afterUnref(timeout, () => (timer = afterUnref(1, expire)));
      (async () => request())()
        .then((reply) => (isLate ? late(reply) : resolve(reply)), reject)
        .finally(() => clearTimeout(timer));
    });

  return {
    ledger,
    member: crypto.randomUUID(),
    get fault() {
      return fault;
    },
    get isLocal() {
      return fault !== undefined || performance.now() - recovered < caution;
    },
    async ask(request, late) {
      try {
        return await reply(request, late);
      } catch (cause) {
        fault = storageError(cause);
        tried = performance.now();
        return undefined;
      }
    },
    retry(request, done) {
      const now = performance.now();
      if (now - tried < retryInterval) return;
      tried = now;
      reply(request, () => {}).then(
        () => {
          fault = undefined;
          recovered = performance.now();
          done();
        },
        (cause: unknown) => {
          fault = storageError(cause);
        },
      );
    },
  };
}

function storageError(cause: unknown): StorageError {
  if (cause instanceof StorageError) return cause;
  const message = cause instanceof Error ? cause.message : String(cause);
  return new StorageError(`The store of the shared limit failed: ${message}`, { cause });
}
