/** Reports that an origin comes under pressure, once per episode. */
import type { Pressure } from './options.ts';

const maxRunningShare = 0.8;
const maxQueued = 10;
const maxHold = 30_000;

export interface PressureMonitor {
  /** To be called after each change: the number of requests that have a connection, and of those that wait for one. */
  update(running: number, queued: number): void;
}

/** `heldSince` returns when the oldest hold began, on the clock of `performance.now()`. */
export function pressureMonitor(
  connections: number,
  heldSince: () => number | undefined,
  report: (reason: Pressure['reason']) => void,
): PressureMonitor {
  const reported = { running: false, queued: false };
  /** Whether a hold has been reported, and holds have been too long ever since. */
  let holdReported = false;
  let timer: NodeJS.Timeout | undefined;

  const check = (reason: 'running' | 'queued', exceeded: boolean): void => {
    if (exceeded && !reported[reason]) report(reason);
    reported[reason] = exceeded;
  };
  /** ms until the oldest hold is too long; undefined without one. */
  const holdLeft = (): number | undefined => {
    const since = heldSince();
    return since === undefined ? undefined : since + maxHold - performance.now();
  };
  /** One timer for all holds: it fires when the oldest one may have become too long. */
  const checkHold = (): void => {
    timer = undefined;
    const left = holdLeft();
    if (left === undefined) return;
    if (left <= 0 && !holdReported) report('hold');
    holdReported = left <= 0;
    timer = setTimeout(checkHold, left > 0 ? left : maxHold).unref();
  };

  return {
    update(running, queued) {
      check('running', running > maxRunningShare * connections);
      check('queued', queued > maxQueued);
      if (holdReported && (holdLeft() ?? maxHold) > 0) holdReported = false;
      if (running > 0) timer ??= setTimeout(checkHold, maxHold).unref();
    },
  };
}
