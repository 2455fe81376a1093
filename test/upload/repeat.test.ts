/** An upload with a `requestId`: another call goes on, repeats the result, or refuses another file. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import kyoa, { createFetch, memory, standard, type Storage } from 'kyoa';
import { file } from 'kyoa/file';
import { cancelUpload, upload, type Uploaded, type UploadOptions } from 'kyoa/upload';
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';

import { uploadServer, type UploadServer } from '../support/uploads/server.ts';

const mebibyte = 1024 * 1024;
const film = randomBytes(3 * mebibyte + 17);
const blob = new Blob([film]);
const requestId = 'film-42';
const other = (byte: number): Uint8Array<ArrayBuffer> => Uint8Array.of(byte ^ 1);

let server: UploadServer;
let storage: Storage;
afterEach(() => server[Symbol.asyncDispose]());

const api = createFetch({ use: standard() });
const send = (data: Blob, options: UploadOptions = {}): Promise<Uploaded> =>
  upload(api, server.url, data, { requestId, storage, chunk: mebibyte, backoff: () => 0, ...options });
/** Sends a first part, and fails. */
const begin = async (options: UploadOptions = {}): Promise<void> => {
  server.trouble({ method: 'PATCH', cutAfter: 500_000 }, { method: 'HEAD', status: 403 });
  await expect(send(blob, options)).rejects.toMatchObject({ code: 'UPLOAD_FAILED' });
};
const posts = (): number => server.log.filter((line) => line.startsWith('POST')).length;
const stored = async (data: Buffer, { url }: Uploaded): Promise<boolean> => data.equals(await server.bytesOf(url));

describe.each(['tus', 'draft'] as const)('%s', (protocol) => {
  beforeEach(async () => {
    server = await uploadServer({ protocol });
    storage = memory();
  });

  test('another call goes on where the server is, without asking for the protocol again', async () => {
    await begin();
    const { length } = server.log;
    const reports: number[] = [];
    const again = await send(blob, { onProgress: ({ transferredBytes }) => reports.push(transferredBytes) });
    expect(await stored(film, again)).toBe(true);
    expect(server.log[length]).toMatch(/^HEAD 20/);
    expect(posts()).toBe(1);
    expect(reports[0]).toBeGreaterThan(0);
    expect(reports.at(-1)).toBe(film.length);
  });

  test('a file on disk keeps the upload for another process', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'kyoa-upload-'));
    const path = join(folder, 'uploads.db');
    storage = file(path);
    await begin();
    await storage.close();
    storage = file(path);
    expect(await stored(film, await send(blob))).toBe(true);
    expect(posts()).toBe(1);
    await storage.close();
    await rm(folder, { recursive: true });
  });

  test('another call creates the upload under the key of the one that failed to', async () => {
    server.trouble({ method: 'POST', isLost: true });
    const bare = createFetch();
    const options = { requestId, storage, backoff: () => 0 };
    const failing = upload(bare, server.url, blob, { ...options, continuations: 0 });
    await expect(failing).rejects.toMatchObject({ code: 'UPLOAD_FAILED' });
    await upload(bare, server.url, blob, options);
    const keys = server.seen.flatMap(({ headers }) => headers['idempotency-key'] ?? []);
    expect(keys).toHaveLength(2);
    expect(new Set(keys).size).toBe(1);
  });

  test('a repeat of an upload that is complete sends nothing and has the same result', async () => {
    const first = await send(blob);
    const { length } = server.log;
    const reports: number[] = [];
    const second = await send(blob, { onProgress: ({ percent }) => reports.push(percent) });
    expect(server.log).toHaveLength(length);
    expect(reports).toEqual([1]);
    expect(second.url).toBe(first.url);
    expect(second.response.status).toBe(first.response.status);
    expect(await second.response.text()).toBe(await first.response.text());
  });

  test('another requestId, another target and a call without one are other uploads', async () => {
    await send(blob);
    await send(blob, { requestId: 'film-43' });
    await send(blob, { requestId: undefined });
    await upload(api, `${server.url}/`, blob, { requestId, storage });
    await upload(api, `${server.url}?signature=1`, blob, { requestId, storage }); // the first one
    expect(posts()).toBe(4);
  });

  test('clients of two servers that share a storage have an upload each, and cancel their own', async () => {
    await using second = await uploadServer({ protocol });
    const clients = [server.origin, second.origin].map((origin) => kyoa.create({ baseUrl: `${origin}/`, storage }));
    const [one, two] = clients.map((client) => () => upload(client, 'files', blob, { requestId }));
    await one!();
    second.trouble({ method: 'PATCH', status: 403 });
    await expect(two!()).rejects.toMatchObject({ code: 'UPLOAD_FAILED' });
    expect(await cancelUpload(clients[1]!, 'files', { requestId })).toBe(true);
    expect(second.log.at(-1)).toBe('DELETE 204');
    const { url } = await two!();
    expect(film.equals(await second.bytesOf(url))).toBe(true);
    const prefixed = kyoa.create({ prefix: `${second.origin}/files`, storage });
    expect((await upload(prefixed, '', blob, { requestId })).url).not.toBe(url); // its URL ends with a slash
  });

  test.each([
    ['length', new Blob([film, 'a']), 'size'],
    ['type', new Blob([film], { type: 'video/mp4' }), 'type'],
    ['time', new File([film], 'film', { lastModified: 1 }), 'lastModified'],
    ['start', new Blob([other(film[0]!), film.subarray(1)]), 'another file'],
    ['end', new Blob([film.subarray(0, -1), other(film.at(-1)!)]), 'another file'],
  ])('a file with another %s is refused under the same requestId', async (_, other, what) => {
    await begin();
    const { length } = server.log;
    await expect(send(other)).rejects.toMatchObject({
      code: 'UPLOAD_MISMATCH',
      message: expect.stringContaining(what),
    });
    expect(server.log).toHaveLength(length);
    expect(await stored(film, await send(blob))).toBe(true);
  });

  test('two calls at once upload the file once, or twice, but never a mixture', async () => {
    await begin();
    const both = await Promise.all([send(blob), send(blob)]);
    for (const uploaded of both) expect(await stored(film, uploaded)).toBe(true);
    expect(new Set(both.map(({ url }) => url)).size).toBe(1);
    storage = memory();
    const fresh = await Promise.all([send(blob), send(blob), send(blob)]);
    for (const uploaded of fresh) expect(await stored(film, uploaded)).toBe(true);
    expect(new Set(fresh.map(({ url }) => url)).size).toBe(1);
  });

  test('a call whose upload another one has created first goes on with that one', async () => {
    await begin();
    const key = `upload ${JSON.stringify([server.url, requestId])}`;
    const other = (await storage.get(key))!.value;
    const real = memory();
    storage = {
      ...real,
      async set(key, value, options) {
        if (!value.includes('"url"') || value === other) return real.set(key, value, options);
        await real.set(key, other);
        return real.set(key, value, options);
      },
    };
    const { length } = server.log;
    expect(await stored(film, await send(blob))).toBe(true);
    expect(server.log[length + 1]).toBe('POST 201');
    expect(server.log[length + 2]).toMatch(/^HEAD 20/);
  });

  test('cancelUpload() removes an upload that is not complete from the server and the storage', async () => {
    expect(await cancelUpload(api, server.url, { requestId, storage })).toBe(false);
    await begin();
    expect(await cancelUpload(api, server.url, { requestId, storage })).toBe(true);
    expect(server.log.at(-1)).toBe('DELETE 204');
    expect(await cancelUpload(api, server.url, { requestId, storage })).toBe(false);
    expect(await stored(film, await send(blob))).toBe(true);
    expect(posts()).toBe(2);
    expect(await cancelUpload(api, server.url, { requestId, storage })).toBe(false);
  });

  test('an upload that the server has with another length is cancelled and forgotten', async () => {
    await begin();
    server.trouble({ method: 'HEAD', status: 200, headers: { 'upload-offset': '5', 'upload-length': '6' } });
    await expect(send(blob)).rejects.toMatchObject({ code: 'UPLOAD_MISMATCH', offset: 5 });
    expect(server.log.at(-1)).toBe('DELETE 204');
    const { length } = server.log;
    expect(await stored(film, await send(blob))).toBe(true);
    expect(server.log[length]).toBe('OPTIONS 204');
  });
});

describe('the storage', () => {
  beforeEach(async () => {
    server = await uploadServer({ protocol: 'tus' });
    storage = memory();
  });

  test('is that of the client or fetch', async () => {
    for (const api of [kyoa.create({ storage }), kyoa.create({ storage }).extend({}).fetch, createFetch({ storage })])
      await upload(api, server.url, blob, { requestId });
    expect(posts()).toBe(1);
  });

  test('is required for a requestId through any other fetch', async () => {
    const failing = upload(fetch, server.url, blob, { requestId });
    await expect(failing).rejects.toMatchObject({
      code: 'INVALID_OPTION',
      message: expect.stringContaining('indexeddb'),
    });
  });

  test('that fails at the start lets nothing be sent, and at the end the upload has arrived', async () => {
    let isBroken = true;
    const real = memory();
    storage = {
      ...real,
      get: (key) => (isBroken ? Promise.reject(new Error('full')) : real.get(key)),
      set: (...args) => (isBroken ? Promise.reject(new Error('full')) : real.set(...args)),
    };
    await expect(send(blob)).rejects.toThrow('full');
    expect(server.log).toEqual([]);
    isBroken = false;
    const uploaded = await send(blob, { onProgress: ({ percent }) => void (isBroken = percent === 1) });
    expect(await stored(film, uploaded)).toBe(true);
  });

  test('with an entry that kyoa has not written is left as it is', async () => {
    const key = `upload ${JSON.stringify([server.url, requestId])}`;
    await storage.set(key, '{"url":1}');
    await expect(send(blob)).rejects.toMatchObject({ code: 'STORAGE' });
    expect((await storage.get(key))?.value).toBe('{"url":1}');
  });

  test('keeps an upload for `ttl`', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    onTestFinished(() => void vi.useRealTimers());
    await begin();
    const week = 7 * 24 * 3_600_000;
    vi.setSystemTime(Date.now() + week - 1_000);
    await begin();
    expect(posts()).toBe(1);
    vi.setSystemTime(Date.now() + 1_000);
    await begin({ ttl: 100 });
    expect(posts()).toBe(2);
    vi.setSystemTime(Date.now() + 100);
    await send(blob);
    expect(posts()).toBe(3);
  });
});
