/** The clock of a run. It does not move while the session is paused and no call is in flight, so that a picture holds. */

export interface Clock {
  /** The time since the run began without its pauses, ms. */
  readonly now: () => number;
  pause(): void;
  resume(): void;
  /** The clock runs until this call has ended, also during a pause. */
  during<T>(call: () => Promise<T>): Promise<T>;
}

/** The clock is paused at first. */
export function createClock(): Clock {
  let began = performance.now();
  let stopped: number | undefined = began;
  let isPaused = true;
  let calls = 0;

  function settle(): void {
    const isStill = isPaused && calls === 0;
    if (isStill) stopped ??= performance.now();
    else if (stopped !== undefined) {
      began += performance.now() - stopped;
      stopped = undefined;
    }
  }

  return {
    now: () => (stopped ?? performance.now()) - began,
    pause() {
      isPaused = true;
      settle();
    },
    resume() {
      isPaused = false;
      settle();
    },
    async during(call) {
      calls += 1;
      settle();
      try {
        return await call();
      } finally {
        calls -= 1;
        settle();
      }
    },
  };
}
