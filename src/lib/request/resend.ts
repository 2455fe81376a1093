/** Sending a request more than once: whole again, or not at all. */
import { maxBufferedBody } from '../../core/engine/http.ts';
import { requestLikeOf, type Context } from '../../core/context.ts';
import { toRequest, type RequestLike } from '../../core/engine/lazy-request.ts';
import { bodySource, copyBodySource, isRereadable, type Rereadable } from '../../core/engine/body-source.ts';
import { referrerOf } from '../../core/engine/derive.ts';

export interface Resendable {
  /** For one more send; `undefined` when the body turned out not to be replayable. */
  next(): Promise<Request | undefined>;
  /** No further send will follow; lets go of what was kept. */
  close(): void;
}

/** `undefined` for a stream, which can be sent only once. Copies nothing that need not be copied. */
export function resendable(ctx: Context): Resendable | undefined {
  const asked = requestLikeOf(ctx);
  if (asked.method === 'GET' || asked.method === 'HEAD' || asked.body === null) return unchanged(asked);
  const request = toRequest(asked);
  const origin = bodySource(request);
  if (origin === undefined) return recorded(request, ctx.signal);
  return isRereadable(origin) ? fromSource(request, origin) : undefined;
}

function unchanged(asked: RequestLike): Resendable {
  return { next: () => Promise.resolve(toRequest(asked)), close() {} };
}

function fromSource(request: Request, body: Rereadable): Resendable {
  const next = async (): Promise<Request> => {
    const init: RequestInit = { ...referrerOf(request), body };
    if (body instanceof FormData) {
      // A form's boundary is drawn when its body is made; the header must name the new one.
      const headers = new Headers(request.headers);
      headers.delete('content-type');
      init.headers = headers;
    }
    return copyBodySource(new Request(request, init), request);
  };
  return { next, close() {} };
}

/** A Request of somebody else's making: its body is recorded while it is sent, up to a cap. */
function recorded(request: Request, signal: AbortSignal): Resendable {
  const recording = record(request.clone());
  signal.addEventListener('abort', recording.stop, { once: true }); // an upload may never end
  return {
    async next() {
      const body = await recording.bytes;
      return body === undefined ? undefined : new Request(request, { ...referrerOf(request), body });
    },
    close: recording.stop,
  };
}

function record(copy: Request): { bytes: Promise<Blob | undefined>; stop: () => void } {
  // Firefox has no `Request.body`; it has no streaming uploads either, so this is bounded by what is in memory.
  if (!copy.body) return { bytes: copy.blob().catch(() => undefined), stop() {} };
  const reader = copy.body.getReader();
  let stopped = false;
  const stop = (): void => {
    stopped = true;
    void reader.cancel().catch(() => undefined);
  };
  const read = async (): Promise<Blob | undefined> => {
    const chunks: Uint8Array<ArrayBuffer>[] = [];
    for (let length = 0; length <= maxBufferedBody;) {
      const { done, value } = await reader.read();
      if (done) return stopped ? undefined : new Blob(chunks); // a cancel ends it, too
      chunks.push(value);
      length += value.byteLength;
    }
    stop();
    return undefined;
  };
  return { bytes: read().catch(() => undefined), stop };
}
