/** State on a foreign object in a WeakMap. */
import type { PrivateState } from '../../../src/core/engine/private-state.ts';

export * from '../../../src/core/engine/private-state.ts';

export function privateState<State>(): PrivateState<State> {
  const states = new WeakMap<object, State>();
  return {
    get: (target) => states.get(target),
    set: (target, state) => void states.set(target, state),
  };
}
