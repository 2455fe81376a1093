/** Reads a body once for several readers: into memory, as fast as it arrives, up to a limit. */
import { byteStream, concat, type Bytes } from '../../lib/body/streams.ts';
import type { Content } from '../../lib/body/synthetic-response.ts';
import { noop } from '../../lib/noop.ts';

export interface SharedBody {
  /** The whole body, or `undefined` if it is longer than the limit. Rejects with the error of the body. */
  readonly whole: Promise<Content | undefined>;
  /** The body as it arrives, for one reader. Beyond the limit it is read at the pace of that reader. */
  readonly stream: ReadableStream<Bytes>;
  /** For another reader of a body that failed: the bytes that had arrived, then the error. */
  again(): ReadableStream<Bytes>;
}

/** `onCancel` is called when the reader of `stream` cancels it. An abort of `signal` fails all streams. */
export function sharedBody(
  body: ReadableStream<Bytes>,
  limit: number,
  onCancel: () => void,
  signal?: AbortSignal,
): SharedBody {
  const reader = body.getReader();
  const chunks: Bytes[] = [];
  let length = 0;
  let ended = false;
  let reading = Promise.resolve();

  const cancel = (reason: unknown): void => void reader.cancel(reason).catch(noop);
  // A stream that was made by hand does not react to the signal.
  signal?.addEventListener('abort', () => cancel(signal.reason), { once: true });

  const read = async (): Promise<void> => {
    const { done, value } = await reader.read();
    signal?.throwIfAborted(); // a cancelled body has not ended
    if (done) ended = true;
    else if (value.byteLength !== 0) {
      chunks.push(value);
      length += value.byteLength;
    }
  };

  const readAll = async (): Promise<Content | undefined> => {
    // `length` is NaN if a chunk is not bytes; `concat` then throws.
    while (!ended && !(length > limit)) await (reading = read());
    return ended ? { bytes: concat(chunks) } : undefined;
  };
  const whole = readAll();
  whole.catch(noop); // handled where `whole` is awaited

  const open = (cancel?: (reason: unknown) => void): ReadableStream<Bytes> => {
    let next = 0;
    const advance = async (): Promise<Bytes | undefined> => {
      while (next === chunks.length && !ended) await (length > limit ? (reading = read()) : reading);
      const chunk = chunks[next]?.slice(); // a copy, because other readers get the same bytes
      next += 1;
      if (length > limit) next -= chunks.splice(0, next).length; // no other reader gets them
      return chunk;
    };
    return byteStream(advance, cancel);
  };
  const stream = open((reason) => {
    onCancel();
    if (length > limit) cancel(reason);
  });
  return { whole, stream, again: open };
}
