/** Sends a request more than once: with its whole body each time, or not at all. */
import { requestLikeOf, type Context } from '../../core/context.ts';
import { bodySource, isRereadable, type Rereadable } from '../../core/engine/body-source.ts';
import { referrerOf, resent } from '../../core/engine/derive-request.ts';
import { maxBufferedBody } from '../../core/engine/http-constants.ts';
import { toRequest, type RequestLike } from '../../core/engine/lazy-request.ts';
import { readUpTo, type Bytes } from '../body/streams.ts';
import { noop } from '../noop.ts';

export interface Resendable {
  /** Resolves to the Request for one more attempt, or to `undefined` if the body could not be kept. */
  next(): Promise<Request | undefined>;
  /** Frees the kept body. No further attempt may follow. */
  close(): void;
}

/**
 * `undefined` for a body that is a stream or an async iterable, which can be sent only once. Nothing is copied unless it
 * must be.
 */
export function resendable(ctx: Context): Resendable | undefined {
  const requestLike = requestLikeOf(ctx);
  const { method } = requestLike;
  if (method === 'GET' || method === 'HEAD' || requestLike.body === null) return unchanged(requestLike);
  const request = toRequest(requestLike);
  const source = bodySource(request);
  if (source === undefined) return recorded(request, ctx.signal);
  return isRereadable(source) ? fromSource(request, source) : undefined;
}

function unchanged(requestLike: RequestLike): Resendable {
  return { next: () => Promise.resolve(toRequest(requestLike)), close() {} };
}

function fromSource(request: Request, body: Rereadable): Resendable {
  return { next: async () => resent(request, body, request.signal), close: noop };
}

/** For a Request whose body source is unknown: a clone of its body is kept while the first attempt sends it. */
function recorded(request: Request, signal: AbortSignal): Resendable {
  const recording = record(request.clone());
  signal.addEventListener('abort', recording.stop, { once: true }); // the body may be endless
  return {
    async next() {
      const body = await recording.bytes;
      return body === undefined ? undefined : new Request(request, { ...referrerOf(request), body });
    },
    close: recording.stop,
  };
}

function record(copy: Request): { bytes: Promise<Blob | undefined>; stop: () => void } {
  // Firefox has no `Request.body` and no streaming uploads, so this body is in memory already.
  if (!copy.body) return { bytes: copy.blob().catch(() => undefined), stop: noop };
  const reader = copy.body.getReader();
  let stopped = false;
  const stop = (): void => {
    stopped = true;
    void reader.cancel().catch(noop);
  };
  const read = async (): Promise<Blob | undefined> => {
    const chunks: Bytes[] = [];
    if (!(await readUpTo(reader, chunks, maxBufferedBody))) stop();
    return stopped ? undefined : new Blob(chunks); // a cancelled reader ends, too
  };
  return { bytes: read().catch(() => undefined), stop };
}
