/**
 * A stream of ours between the transport's body and its reader. It reads a chunk only when its reader wants one, so that
 * back-pressure, cancel and errors pass through. `watch.ts` creates it only if a policy watches chunks or the caller
 * reads `body`: a stream allocates 9 kB in Node.
 */
import { noop } from '../noop.ts';
import type { Bytes } from './streams.ts';
import { checkLength, endBody, type WatchedBody } from './watched-body.ts';

type Controller = ReadableStreamDefaultController<Bytes> | ReadableByteStreamController;

/** `source` returns the transport's stream. It is called again at the first read, because a clone replaces the stream. */
export function relay(body: WatchedBody, source: () => ReadableStream<Bytes>): ReadableStream<Bytes> {
  let controller: Controller;
  let reader: ReadableStreamDefaultReader<Bytes> | undefined;
  let length = 0;
  let ended = false;
  // At the first read and not before, so that the response can still be cloned.
  const open = (): NonNullable<typeof reader> => {
    if (reader === undefined) {
      reader = source().getReader();
      // A body may break off while the caller reads nothing and waits for `closed`.
      reader.closed.catch(weak(breakOff));
    }
    return reader;
  };

  const breakOff = (error: unknown): void => {
    if (ended) return;
    fail(error);
    endBody(body, false);
  };
  const fail = (error: unknown): void => {
    ended = true;
    controller.error(error);
    void open().cancel(error).catch(noop); // for a transport that ignores its signal
  };

  const steps = {
    start(own: Controller) {
      controller = own;
      if (body.failure !== undefined) fail(body.failure.error);
      else body.readers.push(weak(fail));
    },
    async pull() {
      body.readers.push(fail); // a pending read keeps its stream alive
      if (length === body.length && !body.waiting) {
        body.waiting = true;
        for (const watcher of body.watchers) watcher.wait?.();
      }
      try {
        const { done, value } = await open().read();
        if (done) {
          checkLength(body, length);
          ended = true;
          controller.close();
          if ('byobRequest' in controller) controller.byobRequest?.respond(0); // otherwise the read never settles
          return endBody(body, true);
        }
        length += value.byteLength;
        // A chunk that another copy has already read is not reported again.
        if (length > body.length) {
          body.length = length;
          body.waiting = false;
          for (const watcher of body.watchers) {
            watcher.chunk?.(value);
            watcher.served?.();
          }
        }
        controller.enqueue(value);
      } catch (error) {
        breakOff(error);
      } finally {
        const index = body.readers.indexOf(fail);
        if (index >= 0) body.readers.splice(index, 1);
      }
    },
    cancel(reason: unknown) {
      ended = true;
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
function weak<Value>(run: (value: Value) => void): (value: Value) => void {
  if (typeof WeakRef === 'undefined') return run;
  const reference = new WeakRef(run);
  return (value) => reference.deref()?.(value);
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
