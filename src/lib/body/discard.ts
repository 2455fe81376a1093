/** Lets go of a response that nobody will read, without waiting for it. */
import { ignore } from './watch.ts';
import { afterIdly } from '../../core/engine/timers.ts';

/** Longer than this and closing the connection is cheaper than reading on. */
const shortBody = 64 * 1024;
/** A server that dawdles over a body nobody wants loses its connection, ms. */
const drainTime = 1_000;

/**
 * Lets go of a response that nobody will read: a short body is read to its end in the background, which keeps
 * the connection for the next request, any other is cancelled. Waits for neither.
 */
export function discard(response: Response): void {
  if (!response.body || response.bodyUsed || response.body.locked) return;
  const reader = response.body.getReader();
  const cancel = (): void => void reader.cancel().catch(ignore);
  if (Number(response.headers.get('content-length')) > shortBody) return cancel();
  const timer = afterIdly(drainTime, cancel);
  const drain = async (): Promise<void> => {
    for (let length = 0; length <= shortBody;) {
      const { done, value } = await reader.read();
      if (done) return;
      length += value.byteLength;
    }
    cancel();
  };
  void drain()
    .catch(ignore)
    .finally(() => clearTimeout(timer));
}
