/**
 * The source of a request body (Fetch Standard, "body": source): the string, bytes, Blob or form that it was created
 * from. A Request shows only a stream, which is slow to read and can be read once. The entry points record the source
 * of each Request that they create. Policies and transports read it, to send the body again or without a stream.
 */
import { privateState } from './private-state.ts';

/** Sources that can be read any number of times. */
export type Rereadable = string | ArrayBuffer | ArrayBufferView<ArrayBuffer> | Blob | URLSearchParams | FormData;

const sources = privateState<BodyInit>();

export function setBodySource(request: Request, body: BodyInit): void {
  sources.set(request, isRereadable(body) ? snapshot(body) : body);
}

/** `undefined` for a Request that kyoa has not created, and for one without a body. */
export function bodySource(request: Request): BodyInit | undefined {
  return sources.get(request);
}

/** For a Request that was created from another one and sends the same body. */
export function copyBodySource(request: Request, from: Request): Request {
  const source = sources.get(from);
  if (source !== undefined) sources.set(request, source);
  return request;
}

export function isRereadable(body: BodyInit | undefined): body is Rereadable {
  return (
    typeof body === 'string' ||
    body instanceof ArrayBuffer ||
    ArrayBuffer.isView(body) ||
    body instanceof Blob ||
    body instanceof URLSearchParams ||
    body instanceof FormData
  );
}

/** Copies what the caller could change before the body is sent again. */
function snapshot(body: Rereadable): Rereadable {
  if (body instanceof URLSearchParams) return new URLSearchParams(body);
  if (body instanceof ArrayBuffer) return body.slice(0);
  if (ArrayBuffer.isView(body)) return new Uint8Array(body.buffer, body.byteOffset, body.byteLength).slice();
  if (!(body instanceof FormData)) return body;
  const copy = new FormData();
  for (const [name, value] of body) copy.append(name, value);
  return copy;
}
