/** Sending a request more than once: whole again, or not at all. */
import { requestOf, type Asked } from '../../core/engine/lazy-request.ts';
import { bodyOrigin, inheritBody, isRereadable, type Rereadable } from '../../core/engine/body-source.ts';

export interface Replay {
  /** For one more send; `undefined` when the body turned out not to be replayable. */
  again(): Promise<Request | undefined>;
  /** No further send will follow; lets go of what was kept. */
  close(): void;
}

/** Kept of a body of unknown origin; grpc-java's default for one call's retry buffer. */
const longestRecording = 1024 * 1024;

/**
 * As `new Request(request, init)`, for an init without a body; the note goes along. Without the signal, which would
 * cost more than the rest: what aborts a call is `ctx.signal`.
 */
export function derive(request: Request, init?: RequestInit): Request {
  return inheritBody(new Request(request, { ...referrerOf(request), signal: null, ...init }), request);
}

/** The same request with one header more, or another value of it. */
export function withHeader(request: Request, name: string, value: string): Request {
  const derived = derive(request);
  derived.headers.set(name, value);
  return derived;
}

/** An init, whatever is in it, resets both to their defaults (Fetch Standard, Request constructor, step 12). */
export function referrerOf({ referrer, referrerPolicy }: Request): RequestInit {
  return {
    ...(referrer !== 'about:client' && { referrer }),
    ...(referrerPolicy && { referrerPolicy }),
  };
}

/** `undefined` for a stream, which can be sent only once. Copies nothing that need not be copied. */
export function replay(asked: Asked, signal: AbortSignal | (() => AbortSignal)): Replay | undefined {
  if (asked.method === 'GET' || asked.method === 'HEAD' || asked.body === null) return unchanged(asked);
  const request = requestOf(asked);
  const origin = bodyOrigin(request);
  if (origin === undefined) return recorded(request, typeof signal === 'function' ? signal() : signal);
  return isRereadable(origin) ? fromOrigin(request, origin) : undefined;
}

function unchanged(asked: Asked): Replay {
  return { again: () => Promise.resolve(requestOf(asked)), close() {} };
}

function fromOrigin(request: Request, body: Rereadable): Replay {
  const again = async (): Promise<Request> => {
    const init: RequestInit = { ...referrerOf(request), body };
    if (body instanceof FormData) {
      // A form's boundary is drawn when its body is made; the header must name the new one.
      const headers = new Headers(request.headers);
      headers.delete('content-type');
      init.headers = headers;
    }
    return inheritBody(new Request(request, init), request);
  };
  return { again, close() {} };
}

/** A Request of somebody else's making: its body is recorded while it is sent, up to a cap. */
function recorded(request: Request, signal: AbortSignal): Replay {
  const recording = record(request.clone());
  signal.addEventListener('abort', recording.stop, { once: true }); // an upload may never end
  return {
    async again() {
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
    for (let length = 0; length <= longestRecording;) {
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
