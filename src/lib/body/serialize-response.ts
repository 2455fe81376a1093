/** A response as text, for a Storage: byte-exact, and readable where the body is text. */
import { readUpTo } from './streams.ts';
import { isEventStream } from './watch.ts';
import { responseHead, createResponse, type ResponseHead } from './synthetic-response.ts';

type Bytes = Uint8Array<ArrayBuffer>;

interface SerializedResponse {
  readonly head: ResponseHead;
  /** The body as text, if it is UTF-8; */
  readonly text?: string;
  /** in base64 otherwise. Neither, where there is no body. */
  readonly base64?: string;
}

export interface Serialized {
  /** To be handed over: the one that was given is read. */
  readonly response: Response;
  /** Absent when the response cannot be kept. */
  readonly text?: string;
}

/**
 * Reads a body to its end to keep it. One that has no end to wait for (an event stream), is longer than `longest`
 * bytes, or breaks off, is handed over as it comes; so is a response that could not be made again, as an opaque one.
 */
export async function serializeResponse(response: Response, longest: number): Promise<Serialized> {
  const announced = Number(response.headers.get('content-length'));
  if (response.status < 200 || isEventStream(response) || announced > longest) return { response };
  const head = responseHead(response);
  if (!response.body) return { response, text: JSON.stringify({ head } satisfies SerializedResponse) };

  const reader = response.body.getReader();
  const chunks: Bytes[] = [];
  // What broke off fails whoever reads on.
  const whole = await readUpTo(reader, chunks, longest).catch(() => false);
  if (!whole) return { response: createResponse(head, resumed(chunks, reader)) };
  const bytes = new Uint8Array(await new Blob(chunks).arrayBuffer());
  return {
    response: createResponse(head, { bytes }),
    text: JSON.stringify({ head, ...encode(bytes) } satisfies SerializedResponse),
  };
}

export function restoreResponse(stored: string): Response {
  const { head, text, base64 } = JSON.parse(stored) as SerializedResponse;
  const bytes =
    text !== undefined ? new TextEncoder().encode(text) : base64 !== undefined ? fromBase64(base64) : undefined;
  return createResponse(head, bytes ? { bytes } : null);
}

/** What has been read, and then the rest at the reader's pace. */
function resumed(chunks: Bytes[], rest: ReadableStreamDefaultReader<Bytes>): ReadableStream<Bytes> {
  return new ReadableStream(
    {
      async pull(controller) {
        const read = chunks.shift();
        if (read !== undefined) return controller.enqueue(read);
        const { done, value } = await rest.read();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      cancel: (reason) => rest.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}

function encode(bytes: Bytes): { text: string } | { base64: string } {
  try {
    // Fatal, and with its byte order mark, or it would not come back as it was.
    return { text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes) };
  } catch {
    return { base64: toBase64(bytes) };
  }
}

/** `Uint8Array` has its own only in the browsers of 2025, and in Node from 25 on. */
function toBase64(bytes: Bytes): string {
  let binary = '';
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}

function fromBase64(text: string): Bytes {
  const binary = atob(text);
  return new Uint8Array(binary.length).map((_, index) => binary.charCodeAt(index));
}
