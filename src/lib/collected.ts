/** Notices that an object was garbage-collected. */
import { isRequestBound } from './request-bound.ts';
import { noop } from './noop.ts';

export type Registry<Held> = Pick<FinalizationRegistry<Held>, 'register'> & { unregister(token: WeakKey): void };

/**
 * A registry that never calls back where the platform has none, and on Workers: there the callback belongs to no request,
 * and must not clear a timer.
 */
export function collectedRegistry<Held>(onCollected: (held: Held) => void): Registry<Held> {
  if (typeof FinalizationRegistry === 'undefined' || isRequestBound()) return { register: noop, unregister: noop };
  return new FinalizationRegistry(onCollected);
}
