/** ky's `onUploadProgress`, for each attempt of a call. ky itself would wrap the body once, before the pipeline sees it. */
import type { Options } from 'ky';
import type { BodyInit } from '../core/engine/fetch-types.ts';
import { isStream, sources } from '../core/engine/request-body.ts';
import { noNames, partitionInit } from '../request-init.ts';
import { globalFetch, type Fetch } from '../transport.ts';

export type OnUploadProgress = NonNullable<Options['onUploadProgress']>;

/**
 * A transport that reports what the platform reads of each request body. The body becomes a stream, which has no length. Where
 * the platform sends no stream, nothing is reported, and the body is sent as it is.
 */
export function withUploadProgress(transport: Fetch | undefined, report: OnUploadProgress): Fetch {
  return (input, init = {}) => {
    const fetch = transport ?? globalFetch();
    const { signal, request: members, transport: others } = partitionInit(init, noNames);
    const request = new Request(input, members);
    if (!request.body || !sendsStreams(request.url)) return fetch(input, init);
    const source = members.body ?? (input instanceof Request ? sources.get(input) : undefined);
    const body = request.body.pipeThrough(inParts()).pipeThrough(counted(sizeOf(source), report));
    const streamed: RequestInit & { duplex: 'half' } = { body, duplex: 'half' };
    return fetch(new Request(request, streamed), { ...others, ...(signal && { signal }) });
  };
}

/**
 * Firefox and Safari take a stream as a text. Chromium sends one over HTTP/2 only, and so never to an `http:` URL: it would fail
 * the request.
 */
function sendsStreams(url: string): boolean {
  if (globalThis.location !== undefined && url.startsWith('http:')) return false;
  let isRead = false;
  const init = {
    method: 'POST',
    body: new ReadableStream(),
    get duplex() {
      isRead = true;
      return 'half';
    },
  };
  return !new Request('https://empty.invalid', init).headers.has('content-type') && isRead;
}

/** In Node a body that is in memory comes in one chunk, which alone would be no progress. */
function inParts(): TransformStream<Uint8Array, Uint8Array> {
  const most = 64 * 1024;
  return new TransformStream({
    transform(chunk, controller) {
      if (!(chunk.byteLength > most)) return controller.enqueue(chunk); // one that has no bytes is refused by the platform
      for (let start = 0; start < chunk.byteLength; start += most)
        controller.enqueue(chunk.subarray(start, start + most));
    },
  });
}

/** As in ky, a chunk is reported when the next one is read, so that only the end of the body is 100 %. */
function counted(total: number, report: OnUploadProgress): TransformStream<Uint8Array, Uint8Array> {
  let transferredBytes = 0;
  let held: Uint8Array | undefined;
  const pass = (chunk: Uint8Array, isLast: boolean): void => {
    transferredBytes += chunk.byteLength;
    const totalBytes = Math.max(total, transferredBytes);
    const ratio = total === 0 ? 0 : Math.min(transferredBytes / total, 1 - Number.EPSILON);
    report({ percent: isLast ? 1 : ratio, transferredBytes, totalBytes }, chunk);
  };
  return new TransformStream({
    transform(chunk, controller) {
      controller.enqueue(chunk);
      if (held !== undefined) pass(held, false);
      held = chunk;
    },
    flush: () => pass(held ?? new Uint8Array(), true),
  });
}

/** The bytes of a body, 0 if they are unknown. Of a form those of its names and values, which is less than what is sent. */
function sizeOf(body: BodyInit | null | undefined): number {
  if (body == null || isStream(body)) return 0;
  const parts = body instanceof FormData ? [...body].flat() : [body instanceof URLSearchParams ? String(body) : body];
  return new Blob(parts as BlobPart[]).size;
}
