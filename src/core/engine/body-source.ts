/**
 * What a request's body was made of: the Request itself shows a stream, whatever it was, and a stream is slow to read
 * and can be read once. Whoever makes a Request notes it here; policies and transports ask.
 */
import { privateState } from './private-state.ts';

/** Bodies that can be read any number of times. */
export type Rereadable = string | ArrayBuffer | ArrayBufferView<ArrayBuffer> | Blob | URLSearchParams | FormData;

const sources = privateState<BodyInit>();

export function setBodySource(request: Request, body: BodyInit): void {
  sources.set(request, isRereadable(body) ? snapshot(body) : body);
}

/** What was noted; `undefined` for a Request of somebody else's making. */
export function bodySource(request: Request): BodyInit | undefined {
  return sources.get(request);
}

/** For a Request that was made of another one, and sends the same body. */
export function copyBodySource(request: Request, from: Request): Request {
  const origin = sources.get(from);
  if (origin !== undefined) sources.set(request, origin);
  return request;
}

export function isRereadable(body: BodyInit): body is Rereadable {
  return (
    typeof body === 'string' ||
    body instanceof ArrayBuffer ||
    ArrayBuffer.isView(body) ||
    body instanceof Blob ||
    body instanceof URLSearchParams ||
    body instanceof FormData
  );
}

/** What its owner could change before it is sent again. */
function snapshot(body: Rereadable): Rereadable {
  if (body instanceof URLSearchParams) return new URLSearchParams(body);
  if (body instanceof ArrayBuffer) return body.slice(0);
  if (ArrayBuffer.isView(body)) return new Uint8Array(body.buffer, body.byteOffset, body.byteLength).slice();
  if (!(body instanceof FormData)) return body;
  const copy = new FormData();
  for (const [name, value] of body) copy.append(name, value);
  return copy;
}
