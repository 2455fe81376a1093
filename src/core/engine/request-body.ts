/** The body that a caller passes to fetch. A Request would show it as a stream only, which is slow and can be read once. */

/** A stream or an async iterable can be sent once, any other body any number of times. */
export function isStream(body: BodyInit | null | undefined): boolean {
  return typeof body === 'object' && body !== null && (body instanceof ReadableStream || Symbol.asyncIterator in body);
}

/** Copies what the caller could change later: the bytes of a request are those at the time of the call (Fetch Standard, "extract a body"). */
export function snapshot(body: BodyInit): BodyInit {
  if (typeof body === 'string') return body;
  // Once read, a stream is refused; an iterable would be sent empty.
  if (Symbol.asyncIterator in body && !(body instanceof ReadableStream)) return new Response(body).body!;
  if (body instanceof URLSearchParams) return new URLSearchParams(body);
  if (body instanceof ArrayBuffer) return body.slice(0);
  if (ArrayBuffer.isView(body)) return new Uint8Array(body.buffer, body.byteOffset, body.byteLength).slice();
  if (!(body instanceof FormData)) return body;
  const copy = new FormData();
  for (const [name, value] of body) copy.append(name, value);
  return copy;
}

/** Whether the platform may derive a `content-type` from the body. */
export function isTyped(body: BodyInit | null): boolean {
  if (body instanceof Blob) return body.type !== '';
  return typeof body === 'string' || body instanceof URLSearchParams || body instanceof FormData;
}

/** The same bytes in a form from which the platform derives no `content-type`. A form always has one. */
export function withoutType(body: BodyInit | null): BodyInit | null {
  if (body instanceof Blob) return body.slice();
  return typeof body === 'string' || body instanceof URLSearchParams ? new TextEncoder().encode(String(body)) : body;
}
