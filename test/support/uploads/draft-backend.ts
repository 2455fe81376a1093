/** A server of draft-ietf-httpbis-resumable-upload, interop version 8, which keeps its uploads in memory. */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';

import { allowed, type Backend } from './backend.ts';

export interface DraftOptions {
  /** The value of `Upload-Limit`. */
  readonly limit?: string;
  /** Whether an upload that is complete sends its last response again. */
  readonly isReplaying?: boolean;
  /** Where the bytes go instead of the memory. */
  readonly write?: (id: string, chunk: Buffer) => void;
}

interface Upload {
  readonly length: number | undefined;
  readonly type: string | undefined;
  chunks: Buffer[];
  offset: number;
  isComplete: boolean;
  /** The request that appends now. */
  running: IncomingMessage | undefined;
}

export function draftBackend({ limit = 'min-size=0', isReplaying = true, write }: DraftOptions = {}): Backend {
  const uploads = new Map<string, Upload>();

  const reply = (
    { headers }: IncomingMessage,
    response: ServerResponse,
    status: number,
    fields: Readonly<Record<string, string | number>> = {},
    body?: unknown,
  ): void => {
    if (response.headersSent || response.destroyed) return;
    const type = body === undefined ? {} : { 'content-type': 'application/json' };
    response.writeHead(status, { ...allowed(headers.origin), ...type, ...fields });
    response.end(body === undefined ? undefined : JSON.stringify(body));
  };

  /** Ends the request that appends now (draft §4.6, the recommended approach). */
  const interrupt = (upload: Upload): void => {
    upload.running?.destroy();
    upload.running = undefined;
  };

  /** Appends the content of a request as it arrives. Resolves to whether all of it has. */
  async function append(upload: Upload, id: string, request: IncomingMessage): Promise<boolean> {
    upload.running = request;
    try {
      for await (const chunk of request) {
        if (upload.running !== request) return false;
        upload.offset += (chunk as Buffer).length;
        if (write) write(id, chunk as Buffer);
        else upload.chunks.push(chunk as Buffer);
      }
      return request.complete && upload.running === request;
    } catch {
      return false;
    } finally {
      if (upload.running === request) upload.running = undefined;
    }
  }

  const finish = (upload: Upload, request: IncomingMessage, response: ServerResponse): void => {
    upload.isComplete = true;
    reply(request, response, 200, { 'upload-complete': '?1' }, { size: upload.offset, type: upload.type });
  };

  async function create(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { headers } = request;
    if (headers['upload-draft-interop-version'] !== '8') return reply(request, response, 400);
    const length = headers['upload-length'];
    const id = randomUUID();
    const upload: Upload = {
      length: length === undefined ? undefined : Number(length),
      type: headers['content-type'],
      chunks: [],
      offset: 0,
      isComplete: false,
      running: undefined,
    };
    uploads.set(id, upload);
    if (request.httpVersionMajor === 1)
      request.socket.write(
        `HTTP/1.1 104 Upload Resumption Supported\r\nUpload-Draft-Interop-Version: 8\r\nLocation: /files/${id}\r\n\r\n`,
      );
    if (!(await append(upload, id, request))) return;
    if (headers['upload-complete'] === '?1') return finish(upload, request, response);
    reply(request, response, 201, { location: `/files/${id}`, 'upload-complete': '?0', 'upload-limit': limit });
  }

  async function patch(id: string, upload: Upload, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { headers } = request;
    interrupt(upload);
    const offset = Number(headers['upload-offset']);
    const isLast = headers['upload-complete'] === '?1';
    if (headers['content-type'] !== 'application/partial-upload') return reply(request, response, 415);
    if (offset !== upload.offset)
      return reply(request, response, 409, { 'upload-offset': upload.offset, 'upload-complete': '?0' });
    if (upload.isComplete) {
      if (isReplaying && isLast) return finish(upload, request, response);
      return reply(request, response, 400, { 'upload-complete': '?0' });
    }
    if (!(await append(upload, id, request))) return;
    if (isLast && (upload.length ?? upload.offset) === upload.offset) return finish(upload, request, response);
    reply(request, response, 204, { 'upload-complete': '?0' });
  }

  return {
    async handle(request, response) {
      const { method, url = '', headers } = request;
      if (method === 'OPTIONS') {
        return reply(request, response, 204, {
          'upload-limit': limit,
          'access-control-allow-headers': headers['access-control-request-headers'] ?? '',
          'access-control-allow-methods': 'POST, HEAD, PATCH, DELETE, OPTIONS',
        });
      }
      if (method === 'POST') return create(request, response);
      const id = url.split('/').at(-1)!;
      const upload = uploads.get(id);
      if (upload === undefined) return reply(request, response, 404);
      if (method === 'PATCH') return patch(id, upload, request, response);
      interrupt(upload);
      if (method === 'DELETE') {
        uploads.delete(id);
        return reply(request, response, 204);
      }
      reply(request, response, 204, {
        'upload-offset': upload.offset,
        'upload-complete': upload.isComplete ? '?1' : '?0',
        'upload-limit': limit,
        'cache-control': 'no-store',
        ...(upload.length !== undefined && { 'upload-length': upload.length }),
      });
    },
    bytesOf: async (url) => Buffer.concat(uploads.get(url.split('/').at(-1)!)!.chunks),
    forget: async () => uploads.clear(),
  };
}
