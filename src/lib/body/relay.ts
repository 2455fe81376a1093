/**
 * A stream of ours between the transport's body and its reader. It reads a chunk only when its reader wants one, so that
 * back-pressure, cancel and errors pass through. `watch.ts` creates it only if a policy watches chunks, if the caller
 * reads `body`, or if the body has broken off and goes on: a stream allocates 9 kB in Node.
 */
import type { BodyReader, CopyContinuation } from '../../core/engine/transport-protocol.ts';
import { noop } from '../noop.ts';
import type { Bytes } from './streams.ts';
import { breakBody, checkLength, endBody, failBody, type EndRead, type WatchedBody } from './watched-body.ts';

type Controller = ReadableStreamDefaultController<Bytes> | ReadableByteStreamController;

/** The reader of a source that has broken off, or has no further byte. */
export const nothingMore: BodyReader = {
  read: () => Promise.resolve({ done: true, value: undefined }),
  cancel: () => Promise.resolve(),
};

/**
 * `source` returns the transport's stream. It is called again at the first read, because a clone replaces the stream. If
 * the source has broken off before the relay was created, `failure` has the error.
 */
export function relay(
  body: WatchedBody,
  source: () => ReadableStream<Bytes>,
  failure?: { readonly error: unknown },
): ReadableStream<Bytes> {
  let controller: Controller;
  let reader: BodyReader | undefined = failure && nothingMore;
  let length = 0;
  let ended = false;
  let isContinued = false;
  /** Of the bytes that this copy has read. */
  let continuation: CopyContinuation | undefined;
  // At the first read and not before, so that the response can still be cloned.
  const open = (): BodyReader => {
    if (reader === undefined) {
      const own = source().getReader();
      // A body may break off while the caller reads nothing and waits for `closed`.
      own.closed.catch(weak(breakOff));
      reader = own;
    }
    return reader;
  };

  const breakOff = (error: unknown): void => {
    if (ended || body.continuation?.isBreak(error) === true) return; // the next read continues it
    fail(error);
    endBody(body, false);
  };
  const fail = (error: unknown): void => {
    ended = true;
    continuation?.abort();
    controller.error(error);
    void open().cancel(error).catch(noop); // for a transport that ignores its signal
  };
  const end: EndRead = (error, isBreak) => {
    if (!isBreak) return fail(error);
    failure = { error };
    void reader?.cancel(error).catch(noop); // a pending read ends
  };

  const wait = (): void => {
    body.waiting = true;
    for (const watcher of body.watchers) watcher.wait?.();
  };
  /** Resolves to whether the body goes on after the error. */
  const goesOn = async (error: unknown): Promise<boolean> => {
    if (ended || body.continuation?.isBreak(error) !== true) {
      breakOff(error);
      return false;
    }
    continuation ??= body.continuation.forCopy();
    breakBody(body);
    reader = nothingMore;
    failure = undefined;
    wait();
    try {
      reader = await continuation.rest(error, length, wait);
      isContinued = true;
      if (!ended) return true;
      await reader.cancel(); // the reader has left
    } catch (final) {
      if (ended) return false; // the reader has left, and others may read on
      failBody(body, final);
      if (!ended) fail(final); // of a clone that is behind one that has ended
    }
    return false;
  };

  const steps = {
    start(own: Controller) {
      controller = own;
      if (body.failure !== undefined) fail(body.failure.error);
      else body.readers.push(weak(end));
    },
    async pull(): Promise<void> {
      body.readers.push(end); // a pending read keeps its stream alive
      if (length === body.length && !body.waiting) wait();
      try {
        const { done, value } = await open().read();
        if (failure !== undefined) throw failure.error;
        if (done) {
          if (!isContinued) checkLength(body, length);
          ended = true;
          controller.close();
          if ('byobRequest' in controller) controller.byobRequest?.respond(0); // otherwise the read never settles
          return endBody(body, true);
        }
        length += value.byteLength;
        continuation ??= body.continuation?.forCopy();
        continuation?.keep(value, length);
        // A chunk that another copy has already read is not reported again.
        const fresh = length - body.length;
        if (fresh > 0) {
          body.length = length;
          body.waiting = false;
          const bytes = fresh < value.byteLength ? value.subarray(-fresh) : value;
          for (const watcher of body.watchers) {
            watcher.chunk?.(bytes);
            watcher.served?.();
          }
        }
        controller.enqueue(value);
      } catch (error) {
        if (await goesOn(error)) return await steps.pull();
      } finally {
        const index = body.readers.indexOf(end);
        if (index >= 0) body.readers.splice(index, 1);
      }
    },
    cancel(reason: unknown) {
      ended = true;
      continuation?.abort();
      body.copies -= 1;
      if (body.copies === 0) endBody(body, false);
      // Not awaited: the cancel of a tee branch stays pending until the other branch is cancelled, too.
      void open().cancel(reason).catch(noop);
    },
  };
  return isByteStream(source())
    ? new ReadableStream({ ...steps, type: 'bytes' })
    : new ReadableStream(steps, { highWaterMark: 0 });
}

/** Does not keep the stream alive, so that an abandoned response can be collected. Workers had no WeakRef until May 2025. */
function weak<Values extends unknown[]>(run: (...values: Values) => void): (...values: Values) => void {
  if (typeof WeakRef === 'undefined') return run;
  const reference = new WeakRef(run);
  return (...values) => reference.deref()?.(...values);
}

/** A reader that brings its own buffer works on the transport's body, so it must work on the relay. */
function isByteStream(stream: ReadableStream): boolean {
  try {
    stream.getReader({ mode: 'byob' }).releaseLock();
    return true;
  } catch {
    return false;
  }
}
