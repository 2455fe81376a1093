/** What a policy keeps for each key, bounded: there may be as many keys as there are users or hosts. */

export interface LruMap<State> extends Iterable<readonly [string, State]> {
  /** Made when first asked for. */
  get(key: string): State;
}

const most = 1_000;

/**
 * Of more than 1,000 keys those least recently used go; one that `isIdle` denies stays, whatever the number: it is
 * in use, or holds what must not be forgotten.
 */
export function lruMap<State>(create: (key: string) => State, isIdle: (state: State) => boolean): LruMap<State> {
  const states = new Map<string, State>();

  const makeRoom = (): void => {
    for (const [key, state] of states) {
      if (states.size < most) return;
      if (isIdle(state)) states.delete(key);
    }
  };

  return {
    get(key) {
      let state = states.get(key);
      if (state === undefined) {
        makeRoom();
        state = create(key);
      } else if (states.size === 1) return state;
      else states.delete(key);
      states.set(key, state); // last in the order of use
      return state;
    },
    [Symbol.iterator]: () => states.entries(),
  };
}
