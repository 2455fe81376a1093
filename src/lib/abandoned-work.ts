/** Work of a handler whose call was aborted. It goes on if the handler ignores the abort, still takes capacity, and may never end. */
import type { Context } from '../core/context.ts';
import { afterUnref, type Timer } from '../core/engine/timers.ts';

/** ms that it counts. */
const longest = 60_000;

/** Calls `giveUp` a minute after the abort, unless the returned function was called before: the work is over. */
export function watchAbandoned(ctx: Pick<Context, 'onAbort'>, giveUp: () => void): () => void {
  let isOver = false;
  let timer: Timer;
  ctx.onAbort(() => {
    if (!isOver) timer = afterUnref(longest, giveUp);
  });
  return () => {
    isOver = true;
    clearTimeout(timer);
  };
}
