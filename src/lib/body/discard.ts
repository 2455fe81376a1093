/** Discards a response that no caller will read. */
import { maxDrainedBody, maxDrainTime } from '../../core/engine/http-constants.ts';
import { afterUnref } from '../../core/engine/timers.ts';
import { noop } from '../noop.ts';
import { readUpTo } from './streams.ts';

/**
 * Reads a short body to its end in the background, which keeps the connection for the next request. Cancels a body that
 * is long, endless or slow, which closes the connection. Returns at once. A body that is being read is left alone.
 */
export function discard(response: Response): void {
  if (!response.body || response.bodyUsed || response.body.locked) return;
  const reader = response.body.getReader();
  const cancel = (): void => void reader.cancel().catch(noop);
  if (Number(response.headers.get('content-length')) > maxDrainedBody) return cancel();
  const timer = afterUnref(maxDrainTime, cancel);
  void readUpTo(reader, [], maxDrainedBody)
    .then((ended) => ended || cancel(), noop)
    .finally(() => clearTimeout(timer));
}
