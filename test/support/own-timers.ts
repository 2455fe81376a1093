/** Counts the timers that the sources of kyoa have set, and that have neither fired nor been cleared. Those of fetch do not count. */
export interface OwnTimers extends Disposable {
  readonly count: number;
}

export function ownTimers(): OwnTimers {
  const { setTimeout: set, clearTimeout: clear } = globalThis;
  const live = new Set<unknown>();
  globalThis.setTimeout = ((run: (...args: unknown[]) => void, ms?: number, ...args: unknown[]) => {
    const timer = set(() => {
      live.delete(timer);
      run(...args);
    }, ms);
    if (/\/(src|adapters)\//.test(new Error('of timer').stack ?? '')) live.add(timer);
    return timer;
  }) as typeof set;
  globalThis.clearTimeout = (timer) => {
    live.delete(timer);
    clear(timer);
  };
  return {
    get count() {
      return live.size;
    },
    [Symbol.dispose]() {
      Object.assign(globalThis, { setTimeout: set, clearTimeout: clear });
    },
  };
}
