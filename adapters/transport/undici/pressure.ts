/** Tells when an origin comes under pressure, once an episode. */
import type { Pressure } from './options.ts';

const share = 0.8;
const longestQueue = 10;
const longestHold = 30_000;

export interface Gauge {
  /** After each change; looks at no more than two numbers. */
  changed(running: number, queued: number): void;
}

/** `heldSince` is when the longest hold began, on the clock of `performance.now()`. */
export function gauge(
  connections: number,
  heldSince: () => number | undefined,
  tell: (reason: Pressure['reason']) => void,
): Gauge {
  const told = { running: false, queued: false };
  /** Since when the hold that was told of has lasted. */
  let known: number | undefined;
  let timer: NodeJS.Timeout | undefined;

  const watch = (reason: 'running' | 'queued', over: boolean): void => {
    if (over && !told[reason]) tell(reason);
    told[reason] = over;
  };
  /** Looks again when the oldest hold may have become too long; a hold costs no timer of its own. */
  const look = (): void => {
    timer = undefined;
    const since = heldSince();
    if (since === undefined) return;
    const left = since + longestHold - performance.now();
    if (left <= 0 && known === undefined) tell('hold');
    known = left <= 0 ? since : undefined;
    timer = setTimeout(look, left > 0 ? left : longestHold).unref();
  };

  return {
    changed(running, queued) {
      watch('running', running > share * connections);
      watch('queued', queued > longestQueue);
      if (running > 0) timer ??= setTimeout(look, longestHold).unref();
    },
  };
}
