/** Lets go of a response that nobody will read, without waiting for it. */
import { maxDrainedBody, maxDrainTime } from '../../core/engine/http.ts';
import { noop } from '../noop.ts';
import { afterUnref } from '../../core/engine/timers.ts';

/**
 * Lets go of a response that nobody will read: a short body is read to its end in the background, which keeps
 * the connection for the next request, any other is cancelled. Waits for neither.
 */
export function discard(response: Response): void {
  if (!response.body || response.bodyUsed || response.body.locked) return;
  const reader = response.body.getReader();
  const cancel = (): void => void reader.cancel().catch(noop);
  if (Number(response.headers.get('content-length')) > maxDrainedBody) return cancel();
  const timer = afterUnref(maxDrainTime, cancel);
  const drain = async (): Promise<void> => {
    for (let length = 0; length <= maxDrainedBody;) {
      const { done, value } = await reader.read();
      if (done) return;
      length += value.byteLength;
    }
    cancel();
  };
  void drain()
    .catch(noop)
    .finally(() => clearTimeout(timer));
}
