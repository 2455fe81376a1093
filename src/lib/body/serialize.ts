/** Converts responses and bodies to text for a Storage, and back. The bytes survive exactly, and a text body stays readable. */
import { StorageError } from '../../core/errors.ts';
import { concat, readUpTo, readOn, type Bytes } from './streams.ts';
import { createResponse, responseHead, type ResponseHead } from './synthetic-response.ts';
import { isEventStream } from './watch.ts';

interface SerializedResponse {
  readonly head: ResponseHead;
  /** The body, if it is UTF-8. A response without a body has neither `text` nor `base64`. */
  readonly text?: string;
  /** The body, if it is not UTF-8. */
  readonly base64?: string;
}

export interface Serialized {
  /** The response for the caller. It replaces the given one, whose body may have been read. */
  readonly response: Response;
  /** Absent if the response cannot be stored. */
  readonly text?: string;
  /** The body broke off: the response is not complete. */
  readonly broken?: true;
}

/**
 * Reads the body to its end. A response is not stored, and its body is passed on chunk by chunk, if it is an event
 * stream, is longer than `maxLength` bytes, or breaks off. An opaque response cannot be created again, so it is not
 * stored either.
 */
export async function serializeResponse(response: Response, maxLength: number): Promise<Serialized> {
  const announced = Number(response.headers.get('content-length'));
  if (response.status < 200 || isEventStream(response) || announced > maxLength) return { response };
  const head = responseHead(response);
  const { body } = response as { readonly body: Response['body'] | undefined };
  if (body === null) return { response, text: JSON.stringify({ head } satisfies SerializedResponse) };
  // React Native's own fetch shows no stream.
  if (body === undefined) return serialized(head, new Uint8Array(await response.arrayBuffer()));

  const reader = body.getReader();
  const chunks: Bytes[] = [];
  // The caller gets the error when it has read the chunks before it.
  const ended = await readUpTo(reader, chunks, maxLength).catch(() => undefined);
  if (ended !== true) {
    return { response: createResponse(head, readOn(chunks, reader)), ...(ended === undefined && { broken: true }) };
  }
  return serialized(head, concat(chunks));
}

function serialized(head: ResponseHead, bytes: Bytes): Serialized {
  return {
    response: createResponse(head, { bytes }),
    text: JSON.stringify({ head, ...encode(bytes) } satisfies SerializedResponse),
  };
}

/** The response without its body, as text. */
export function serializeHead(response: Response): string {
  return JSON.stringify({ head: responseHead(response) } satisfies SerializedResponse);
}

/** @throws {StorageError} if neither function above wrote the text */
export function restoreResponse(stored: string): Response {
  try {
    const { head, text, base64 } = JSON.parse(stored) as SerializedResponse;
    const types = [head.url, head.status, text ?? '', base64 ?? ''].map((member) => typeof member).join();
    if (types !== 'string,number,string,string') throw new TypeError(`Its members are ${types}`);
    const bytes = decode({ text, base64 });
    return createResponse(head, bytes ? { bytes } : null);
  } catch (cause) {
    throw new StorageError('A stored response is not one that kyoa wrote; delete its entry', { cause });
  }
}

/** The bytes as text if they are UTF-8, otherwise in base64. */
export type Encoded = { readonly text: string } | { readonly base64: string };

/** The bytes survive exactly. */
export function encode(bytes: Bytes): Encoded {
  try {
    // Without `fatal` and `ignoreBOM` the decoder would drop bytes, and the body would not survive exactly.
    return { text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes) };
  } catch {
    return { base64: toBase64(bytes) };
  }
}

interface Stored {
  readonly text?: string | undefined;
  readonly base64?: string | undefined;
}

/** `undefined` if there are neither text nor bytes. */
export function decode({ text, base64 }: Stored): Bytes | undefined {
  if (text !== undefined) return new TextEncoder().encode(text);
  return base64 === undefined ? undefined : fromBase64(base64);
}

/** `Uint8Array.prototype.toBase64` exists only in the browsers of 2025, and in Node since version 25. */
function toBase64(bytes: Bytes): string {
  let binary = '';
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}

function fromBase64(text: string): Bytes {
  const binary = atob(text);
  return new Uint8Array(binary.length).map((_, index) => binary.charCodeAt(index));
}

/** That of a multipart body is random: the same form has another one in each request. `undefined` for the type of another body. */
export function boundaryOf(contentType: string | null | undefined): string | undefined {
  return /^multipart\/.*boundary="?([^";]+)/i.exec(contentType ?? '')?.[1];
}

/** latin1 maps each byte to one character, so that bytes that are no text stay distinct. */
export function withoutBoundary(bytes: Bytes | ArrayBuffer, boundary: string): string {
  return new TextDecoder('latin1').decode(bytes).replaceAll(boundary, '');
}
