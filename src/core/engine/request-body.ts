/** The body that a caller passes to fetch. A Request would show it as a stream only, which is slow and can be read once. */
import type { BodyInit } from './fetch-types.ts';
import { privateState, type PrivateState } from './private-state.ts';

/** A stream or an async iterable can be sent once, any other body any number of times. */
export function isStream(body: BodyInit | null | undefined): boolean {
  return typeof body === 'object' && body !== null && (body instanceof ReadableStream || Symbol.asyncIterator in body);
}

/** Whether the body can be sent any number of times. `undefined`: that of a Request, which is not known. */
export function isRepeatable(body: BodyInit | null | undefined): boolean {
  return body === null || (body !== undefined && !isStream(body));
}

/** What the body of a Request was made of, where code that knows it has noted it. A Request exposes a stream only. */
export const sources: PrivateState<BodyInit> = /* @__PURE__ */ privateState();

/** Part of the boundary of a form that Node has encoded. */
const encodedForm = 'formdata-undici';

/**
 * Cancels the stream of a request. Node encodes a form whether or not it is read, and fails the process with an uncaught
 * error if the stream is cancelled before that is done. Such a stream is read to its end instead.
 */
export async function cancelStream(
  reader: ReadableStreamDefaultReader,
  contentType: string | null,
  reason?: unknown,
): Promise<void> {
  try {
    if (!contentType?.includes(encodedForm)) await reader.cancel(reason);
    else while (!(await reader.read()).done);
  } catch {} // the stream has failed
}

/** The text of a body of another type than the platform's, such as a number. The platform sends its text as well. */
export function textOf(body: unknown): string {
  return ''.concat(body as string); // String() would name a symbol, which has no text
}

/** Copies what the caller could change later: the bytes of a request are those at the time of the call (Fetch Standard, "extract a body"). */
export function snapshot(body: BodyInit): BodyInit {
  if (typeof body !== 'object') return textOf(body);
  // Once read, a stream is refused; an iterable would be sent empty.
  if (Symbol.asyncIterator in body && !(body instanceof ReadableStream)) return new Response(body).body!;
  if (body instanceof URLSearchParams) return new URLSearchParams(body);
  // A buffer that was transferred cannot be copied, and has no bytes.
  if ((body as ArrayBuffer).byteLength === 0) return body;
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
  return body !== null && !(body instanceof ArrayBuffer) && !ArrayBuffer.isView(body) && !isStream(body);
}

/** The same bytes in a form from which the platform derives no `content-type`. A form always has one. */
export function withoutType(body: BodyInit | null): BodyInit | null {
  if (body instanceof Blob) return body.slice();
  return typeof body === 'string' || body instanceof URLSearchParams ? new TextEncoder().encode(String(body)) : body;
}
