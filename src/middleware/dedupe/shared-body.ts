/** Reads a body once for many: into memory, as fast as it comes and up to a cap, whoever reads it and however slowly. */
import { noop } from '../../lib/noop.ts';
import { byteStream, concat, type Bytes } from '../../lib/body/streams.ts';
import type { Content } from '../../lib/body/synthetic-response.ts';

export interface SharedBody {
  /** All of it, once it is there; `undefined` when it is longer than the cap; rejects as the body does. */
  readonly whole: Promise<Content | undefined>;
  /** The body as it comes, for one reader, also beyond the cap: then at the reader's pace. */
  readonly stream: ReadableStream<Bytes>;
  /** For one more reader of a body that failed: what had come of it, then the error. */
  again(): ReadableStream<Bytes>;
}

/** `onLeave` is called when the reader of `stream` cancels it; `signal` ends it for everybody. */
export function sharedBody(
  body: ReadableStream<Bytes>,
  cap: number,
  onLeave: () => void,
  signal?: AbortSignal,
): SharedBody {
  const reader = body.getReader();
  const chunks: Bytes[] = [];
  let length = 0;
  let done = false;
  let step = Promise.resolve();

  const cancel = (reason: unknown): void => void reader.cancel(reason).catch(noop);
  // Also for a source that does not hear the signal, such as a stream that somebody made.
  signal?.addEventListener('abort', () => cancel(signal.reason), { once: true });

  const read = async (): Promise<void> => {
    const { done: ended, value } = await reader.read();
    signal?.throwIfAborted(); // to be cancelled is not to have ended
    if (ended) done = true;
    else if (value.byteLength !== 0) {
      chunks.push(value);
      length += value.byteLength;
    }
  };

  const pump = async (): Promise<Content | undefined> => {
    while (!done && !(length > cap)) await (step = read());
    return done ? { bytes: concat(chunks) } : undefined;
  };
  const whole = pump();
  whole.catch(noop); // whoever waits for it hears of it

  const open = (onCancel?: (reason: unknown) => void): ReadableStream<Bytes> => {
    let next = 0;
    const advance = async (): Promise<Bytes | undefined> => {
      while (next === chunks.length && !done) await (length > cap ? (step = read()) : step);
      const chunk = chunks[next]?.slice(); // others may read the same bytes
      next += 1;
      if (length > cap) next -= chunks.splice(0, next).length; // nobody else reads them
      return chunk;
    };
    return byteStream(advance, onCancel);
  };
  const stream = open((reason) => {
    onLeave();
    if (length > cap) cancel(reason);
  });
  return { whole, stream, again: open };
}
