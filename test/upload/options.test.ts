/** What `upload()` takes, what it sends of it, and what it refuses. */
import { openAsBlob } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import kyoa, {
  createFetch,
  idempotency,
  memory,
  observe,
  retry,
  standard,
  timeout,
  type KyoaEvent,
  type Middleware,
} from 'kyoa';
import { upload, type Uploaded, type UploadOptions } from 'kyoa/upload';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { uploadServer, type UploadServer } from '../support/uploads/server.ts';

let server: UploadServer;
afterEach(() => server[Symbol.asyncDispose]());

const text = 'kyoa äöü '.repeat(1_000);
const bytes = new TextEncoder().encode(text);
const send = (data: unknown, options: UploadOptions = {}): Promise<Uploaded> =>
  upload(fetch, server.url, data as Blob, { backoff: () => 0, ...options });
const headersOf = (method: string): Record<string, unknown>[] =>
  server.seen.filter((seen) => seen.method === method).map(({ headers }) => headers);

describe.each(['tus', 'draft'] as const)('%s', (protocol) => {
  beforeEach(async () => {
    server = await uploadServer({ protocol });
  });

  test.each([
    ['a string', text],
    ['bytes', bytes],
    ['a view of a part of a buffer', new DataView(bytes.buffer)],
    ['an ArrayBuffer', bytes.buffer],
    ['a Blob', new Blob([bytes])],
    ['a File', new File([bytes], 'a.txt')],
  ])('%s is uploaded', async (_, data) => {
    const { url } = await send(data);
    expect(String(await server.bytesOf(url))).toBe(text);
  });

  test('an empty file is uploaded', async () => {
    const onProgress = vi.fn();
    const { url, response } = await send('', { onProgress });
    expect(response.ok).toBe(true);
    expect(onProgress.mock.calls).toEqual([[{ percent: 1, transferredBytes: 0, totalBytes: 0 }]]);
    expect(await server.bytesOf(url)).toHaveLength(0);
    expect(server.log.slice(2)).toEqual(protocol === 'tus' ? [] : ['PATCH 200']);
  });

  test.each([
    ['throws', (): void => raise()],
    ['rejects', async (): Promise<void> => raise()],
  ])('a file is uploaded though onProgress %s', async (_, onProgress) => {
    const error = vi.spyOn(console, 'error').mockImplementation(() => {});
    const { url } = await send(text, { onProgress });
    expect(String(await server.bytesOf(url))).toBe(text);
    expect(error.mock.calls).toEqual([['kyoa: onProgress of upload() threw', new Error('of the listener')]]);
    error.mockRestore();
  });

  test('a file on disk is uploaded', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'kyoa-upload-'));
    await writeFile(join(folder, 'a.txt'), text);
    const { url } = await send(await openAsBlob(join(folder, 'a.txt')), { chunk: 1_000 });
    expect(String(await server.bytesOf(url))).toBe(text);
    await rm(folder, { recursive: true });
  });

  test('bytes are those at the time of the call', async () => {
    const changing = bytes.slice();
    const sending = send(changing, { chunk: 4_000 });
    changing.fill(0);
    expect(String(await server.bytesOf((await sending).url))).toBe(text);
  });

  test('`protocol` saves the request that asks for it', async () => {
    await send(text, { protocol });
    expect(server.log[0]).toBe('POST 201');
  });

  test('`headers` are sent with every request, and do not replace those of the protocol', async () => {
    const headers = { authorization: 'Bearer a', 'content-type': 'text/plain' };
    server.trouble({ method: 'PATCH', status: 503 });
    await send(text, { headers });
    expect(server.seen.map(({ headers }) => headers['authorization'])).toEqual(Array(5).fill('Bearer a'));
    const type = protocol === 'tus' ? 'application/offset+octet-stream' : 'application/partial-upload';
    expect(headersOf('PATCH')[0]).toMatchObject({ 'content-type': type, 'upload-offset': '0' });
    for (const method of ['POST', 'HEAD', 'PATCH'])
      expect(headersOf(method)[0]).toMatchObject(
        protocol === 'tus' ? { 'tus-resumable': '1.0.0' } : { 'upload-draft-interop-version': '8' },
      );
  });

  test('through the client, its base URL, headers and hooks apply, and its search parameters only to the URL of the caller', async () => {
    const seen: string[] = [];
    const client = kyoa.create({
      baseUrl: `${server.origin}/`,
      headers: { authorization: 'Bearer b' },
      searchParams: { tenant: '1' },
      hooks: { beforeRequest: [({ request }) => void seen.push(request.method)] },
    });
    const { url } = await upload(client, 'files', text);
    expect(String(await server.bytesOf(url))).toBe(text);
    expect(server.seen.map(({ method, url }) => `${method} ${url.includes('?tenant=1')}`)).toEqual([
      'OPTIONS true',
      'POST true',
      'PATCH false',
    ]);
    expect(server.seen.map(({ headers }) => headers['authorization'])).toEqual(Array(3).fill('Bearer b'));
    expect(seen).toEqual(['OPTIONS', 'POST', 'PATCH']);
    server.trouble({ method: 'PATCH', status: 403 });
    await expect(upload(client, 'files', text)).rejects.toMatchObject({ code: 'UPLOAD_FAILED' });
  });

  test('through a client with a prefix, the URL of the upload is left as it is', async () => {
    const { url } = await upload(kyoa.create({ prefix: server.origin }), 'files', text);
    expect(String(await server.bytesOf(url))).toBe(text);
    expect(server.seen.at(-1)!.url).toBe(new URL(url).pathname);
  });

  test('through a client with a prefix, a URL object is left as it is', async () => {
    const client = kyoa.create({ prefix: `${server.origin}/nowhere` });
    await upload(client, new URL(server.url), text);
    expect(server.seen.slice(0, 2).map(({ url }) => url)).toEqual(['/files', '/files']);
  });

  test('each request is a call through the stack, and options of calls reach it', async () => {
    const events: KyoaEvent[] = [];
    const api = createFetch({ use: [observe((event) => events.push(event)), ...standard()] });
    server.trouble({ method: 'PATCH', status: 503 }, { method: 'HEAD', status: 503 });
    await upload(api, server.url, text, { backoff: () => 0, retry: { backoff: () => 0 } });
    const calls = events.filter(({ type }) => type === 'request.started');
    expect(calls.map((event) => 'method' in event && event.method)).toEqual([
      'OPTIONS',
      'POST',
      'PATCH',
      'HEAD',
      'PATCH',
    ]);
    expect(events.filter(({ type }) => type === 'retry.scheduled')).toHaveLength(1);
    expect(server.log.filter((line) => line.startsWith('HEAD'))).toHaveLength(2);
  });

  test('an append has no limit of the stack, no key, and is not retried as it is', async () => {
    const seen: [string, unknown][] = [];
    const note: Middleware = (ctx, next) => {
      seen.push([ctx.method, ctx.options['timeout']]);
      return next();
    };
    const policies = [note, timeout(10_000), idempotency(), retry({ backoff: () => 0 })];
    server.trouble({ method: 'PATCH', status: 503 });
    await upload(createFetch({ use: policies }), server.url, text, { backoff: () => 0 });
    expect(seen).toEqual([
      ['OPTIONS', undefined],
      ['POST', undefined],
      ['PATCH', false],
      ['HEAD', undefined],
      ['PATCH', false],
    ]);
    expect(headersOf('PATCH').map((headers) => headers['idempotency-key'])).toEqual([undefined, undefined]);
    expect(server.log.filter((line) => line.startsWith('PATCH'))).toHaveLength(2);
  });

  test('without any policy in the stack it works, and warns of nothing', async () => {
    const warn = vi.spyOn(console, 'warn');
    for (const api of [kyoa.create({ use: [] }), createFetch()])
      expect(String(await server.bytesOf((await upload(api, server.url, text)).url))).toBe(text);
    expect(warn).not.toHaveBeenCalled();
    warn.mockRestore();
  });

  test('without `chunk`, the parts grow with the speed of the line', async () => {
    const film = new Uint8Array(7 * 1024 * 1024);
    await send(film);
    const sizes = server.seen.filter(({ method }) => method === 'PATCH').map(({ bytes }) => bytes / 1024 / 1024);
    expect(sizes).toEqual([1, 2, 4]);
  });
});

describe('tus', () => {
  test('gets the metadata, and those of a File', async () => {
    server = await uploadServer({ protocol: 'tus' });
    const photo = new File([text], 'a ü.png', { type: 'image/png' });
    const decode = (index: number): Record<string, string> =>
      Object.fromEntries(
        String(headersOf('POST')[index]!['upload-metadata'])
          .split(',')
          .map((pair) => pair.split(' ') as [string, string?])
          .map(([name, value = '']) => [name, String(Buffer.from(value, 'base64'))]),
      );
    await send(photo);
    await send(photo, { metadata: { filename: 'b.png', empty: '' } });
    expect(decode(0)).toEqual({ filename: 'a ü.png', filetype: 'image/png' });
    expect(decode(1)).toEqual({ filename: 'b.png', filetype: 'image/png', empty: '' });
  });

  test('refuses a file above Tus-Max-Size before it is created', async () => {
    server = await uploadServer({ protocol: 'tus', maxSize: 10 });
    await expect(send(text)).rejects.toThrow('10 bytes at most');
    expect(server.log).toEqual(['OPTIONS 204']);
    await expect(send(text, { protocol: 'tus' })).rejects.toMatchObject({ response: { status: 413 } });
  });
});

describe('the draft', () => {
  const open = async (limit: string): Promise<UploadServer> =>
    (server = await uploadServer({ protocol: 'draft', draft: { limit } }));

  test('gets the type of the file, and returns the response of the target', async () => {
    await open('min-size=0');
    const { response } = await send(new Blob([text], { type: 'text/plain' }));
    expect(await response.json()).toEqual({ size: bytes.length, type: 'text/plain' });
    expect(headersOf('POST')[0]).toMatchObject({ 'upload-complete': '?0', 'upload-length': String(bytes.length) });
    expect(headersOf('PATCH').map((headers) => headers['upload-complete'])).toEqual(['?1']);
  });

  test.each([
    ['max-append-size=5000', {}, [5_000, 5_000, bytes.length - 10_000]],
    ['max-append-size=5000', { chunk: 9_000 }, [5_000, 5_000, bytes.length - 10_000]],
    ['min-append-size=7000', { chunk: 1_000 }, [7_000, bytes.length - 7_000]],
    ['max-append-size="no"', { chunk: 6_000 }, [6_000, bytes.length - 6_000]],
  ])('keeps to the limit %s with %j', async (limit, options, sizes) => {
    await open(limit);
    await send(text, options);
    expect(server.seen.filter(({ method }) => method === 'PATCH').map((seen) => seen.bytes)).toEqual(sizes);
  });

  test('keeps to the limit that it learns when it goes on', async () => {
    await open('max-append-size=5000');
    const options = { requestId: 'a', storage: memory(), protocol: 'draft', chunk: 9_000 } as const;
    server.trouble({ method: 'PATCH', status: 403 });
    await expect(send(text, options)).rejects.toMatchObject({ code: 'UPLOAD_FAILED' });
    const { length } = server.seen;
    await send(text, options);
    expect(server.seen.slice(length).map(({ bytes }) => bytes)).toEqual([0, 5_000, 5_000, bytes.length - 10_000]);
  });

  test('refuses a file above max-size before it is created, or cancels it', async () => {
    await open('max-size=10');
    await expect(send(text)).rejects.toThrow('10 bytes at most');
    expect(server.log).toEqual(['OPTIONS 204']);
    await expect(send(text, { protocol: 'draft' })).rejects.toThrow('10 bytes at most');
    expect(server.log.slice(1)).toEqual(['POST 201', 'DELETE 204']);
  });

  test('sends a file below min-size in one request', async () => {
    await open('min-size=100000');
    const { response, url } = await send(text);
    expect(await response.json()).toEqual({ size: bytes.length });
    expect(server.log).toEqual(['OPTIONS 204', 'POST 200']);
    expect(url).toBe(server.url);
  });

  test('sends a file below min-size once, because a server may not know that it is a repeat', async () => {
    await open('min-size=100000');
    server.trouble({ method: 'POST', isLost: true });
    const api = createFetch({ use: [retry({ backoff: () => 0 })] });
    await expect(upload(api, server.url, text)).rejects.toMatchObject({ code: 'UPLOAD_FAILED' });
    expect(server.log).toEqual(['OPTIONS 204', 'POST cut']);
    expect(headersOf('POST')[0]).not.toHaveProperty('idempotency-key');
  });

  test.each([{}, { location: 'http://' }])('refuses a response to POST with the headers %j', async (headers) => {
    await open('min-size=0');
    server.trouble({ method: 'POST', status: 201, headers: { 'upload-complete': '?0', ...headers } });
    await expect(send(text)).rejects.toThrow('no valid Location');
  });

  test('completes an upload whose last response was lost and is not repeated', async () => {
    server = await uploadServer({ protocol: 'draft', draft: { isReplaying: false } });
    server.trouble({ method: 'PATCH', isLost: true });
    const { response, url } = await send(text);
    expect(response.headers.get('upload-complete')).toBe('?1');
    expect(String(await server.bytesOf(url))).toBe(text);
    expect(server.log.slice(2)).toEqual(['PATCH cut', 'HEAD 204', 'PATCH 400']);
  });

  test('completes an upload that is complete by HEAD, though the server refuses the append after it', async () => {
    server = await uploadServer({ protocol: 'draft' });
    server.trouble({ method: 'PATCH', isLost: true }, { method: 'PATCH', status: 409 });
    const { response } = await send(text);
    expect(response.headers.get('upload-complete')).toBe('?1');
    expect(server.log.slice(2)).toEqual(['PATCH cut', 'HEAD 204', 'PATCH 409']);
  });

  test('does not take a part for the file, though the server says that the upload is complete', async () => {
    await open('min-size=0');
    server.trouble({ method: 'PATCH', status: 200, headers: { 'upload-complete': '?1' } });
    const { url } = await send(text, { chunk: 5_000 });
    expect(String(await server.bytesOf(url))).toBe(text);
  });

  test('refuses an upload that is complete with less than the file', async () => {
    await open('min-size=0');
    const headers = { 'upload-complete': '?1', 'upload-offset': '5' };
    server.trouble({ method: 'PATCH', status: 503 }, { method: 'HEAD', status: 204, headers });
    server.trouble({ method: 'PATCH', status: 400 });
    await expect(send(text)).rejects.toMatchObject({ code: 'UPLOAD_MISMATCH', offset: 5 });
  });

  test.each([422, 500])('returns the refusal of the target, with status %i, as an error', async (status) => {
    await open('min-size=0');
    server.trouble({ method: 'PATCH', status, headers: { 'upload-complete': '?1' } });
    await expect(send(text)).rejects.toMatchObject({ code: 'UPLOAD_FAILED', response: { status } });
    expect(server.log).toHaveLength(3);
  });

  test('takes the offset of a conflict, and none beyond the file', async () => {
    await open('min-size=0');
    server.trouble({ method: 'PATCH', status: 409, headers: { 'upload-offset': '0' } });
    expect(String(await server.bytesOf((await send(text)).url))).toBe(text);
    server.trouble({ method: 'PATCH', status: 409, headers: { 'upload-offset': '99999999' } });
    await expect(send(text)).rejects.toMatchObject({ code: 'UPLOAD_FAILED' });
  });
});

describe('INVALID_OPTION', () => {
  beforeEach(async () => {
    server = await uploadServer({ protocol: 'tus' });
  });

  test.each([
    ['data', new ReadableStream(), {}],
    ['data', new FormData(), {}],
    ['data', undefined, {}],
    ['requestId', text, { requestId: '' }],
    ['storage', text, { storage: {} }],
    ['chunk', text, { chunk: 0 }],
    ['chunk', text, { chunk: '1MB' }],
    ['protocol', text, { protocol: 's3' }],
    ['metadata', text, { metadata: 'a' }],
    ['metadata', text, { metadata: { 'a b': '' } }],
    ['metadata', text, { metadata: { a: 1 } }],
    ['onProgress', text, { onProgress: 1 }],
    ['continuations', text, { continuations: -1 }],
    ['backoff', text, { backoff: 100 }],
    ['ttl', text, { ttl: 0 }],
    ['timeout', text, { timeout: 0 }],
    ['timeout', text, { timeout: { total: '5s' } }],
  ])('names %s', async (option, data, options) => {
    const failing = send(data, options as UploadOptions);
    await expect(failing).rejects.toMatchObject({ code: 'INVALID_OPTION', message: expect.stringContaining(option) });
    expect(server.log).toEqual([]);
  });
});

function raise(): never {
  throw new Error('of the listener');
}
