/** The state of a policy per key, bounded, because there may be as many keys as users or hosts. */

export interface LruMap<State> extends Iterable<readonly [string, State]> {
  /** Creates the state if the key has none. */
  get(key: string): State;
}

const maxSize = 1_000;

/**
 * With more than 1,000 keys, the least recently used states are deleted. Up to half as many, a use is not recorded, because
 * moving a key to the end costs as much as a small policy. A state for which `isIdle` returns false is never deleted,
 * however many there are: it is in use, or it must not be lost.
 */
export function lruMap<State>(create: (key: string) => State, isIdle: (state: State) => boolean): LruMap<State> {
  const states = new Map<string, State>();

  const makeRoom = (): void => {
    for (const [key, state] of states) {
      if (states.size < maxSize) return;
      if (isIdle(state)) states.delete(key);
    }
  };

  return {
    get(key) {
      let state = states.get(key);
      if (state === undefined) {
        makeRoom();
        state = create(key);
      } else if (states.size <= maxSize / 2) return state;
      else states.delete(key);
      states.set(key, state); // the most recently used one is last
      return state;
    },
    [Symbol.iterator]: () => states.entries(),
  };
}
