/** What docs/recipes/uploads.md says of bodies, limits and progress in Node. */
import { openAsBlob } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import kyoa, { createFetch, standard, type Options } from 'kyoa';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { upload } from '../../docs/examples/upload.ts';
import { loopback, type Loopback } from '../recipes/loopback.ts';

const megabyte = 1024 * 1024;
const bytes = new Uint8Array(3 * megabyte).fill(7);
const api = kyoa.create({ retry: { backoff: () => 0 } });

/** Reads each body whole, and then responds with the next status. */
let server: Loopback;
let statuses: number[];
beforeEach(async () => {
  statuses = [];
  server = await loopback(async ({ body }, response) => {
    await body;
    response.writeHead(statuses.shift() ?? 200).end();
  });
});
afterEach(() => server[Symbol.asyncDispose]());

const sizes = (): Promise<number[]> => Promise.all(server.seen.map(async ({ body }) => (await body).length));
const headers = (name: string): unknown[] => server.seen.map((seen) => seen.headers[name]);

function form(): FormData {
  const data = new FormData();
  data.set('title', 'A film');
  data.set('file', new File([bytes], 'film.mp4', { type: 'video/mp4' }));
  return data;
}
const stream = (): ReadableStream<Uint8Array> => new Blob([bytes]).stream();

describe('a body', () => {
  test.each([
    ['bytes', () => bytes],
    ['a Blob', () => new Blob([bytes])],
    ['a form with a file', form],
  ])('of %s is sent again whole, with its length', async (_, make) => {
    statuses = [503];
    await api.put(server.url, { body: make() });
    const [first, second] = await sizes();
    expect(first).toBeGreaterThanOrEqual(bytes.length);
    expect(second).toBe(first);
    expect(headers('content-length')).toEqual([String(first), String(first)]);
  });

  test('of a file on disk is read anew for each attempt', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'kyoa-upload-'));
    await writeFile(join(folder, 'film.mp4'), bytes);
    statuses = [503];
    await api.put(server.url, { body: await openAsBlob(join(folder, 'film.mp4')) });
    expect(await sizes()).toEqual([bytes.length, bytes.length]);
    await rm(folder, { recursive: true });
  });

  test('of a stream is sent once, in chunks', async () => {
    statuses = [503];
    await expect(api.put(server.url, { body: stream() })).rejects.toMatchObject({ name: 'HTTPError' });
    expect(await sizes()).toEqual([bytes.length]);
    expect(headers('transfer-encoding')).toEqual(['chunked']);
  });

  test('of a stream needs `duplex` in a plain fetch', async () => {
    const fetch = createFetch({ use: standard() });
    await expect(fetch(server.url, { method: 'PUT', body: stream() })).rejects.toThrow('duplex');
    const init: RequestInit & { duplex: 'half' } = { method: 'PUT', body: stream(), duplex: 'half' };
    expect((await fetch(server.url, init)).status).toBe(200);
  });
});

describe('a POST', () => {
  test.each([
    ['is sent once', {}, 1],
    ['with a `requestId` is sent again, under one key', { requestId: 'film-1' }, 2],
  ] as [string, Options, number][])('of a form %s', async (_, options, attempts) => {
    statuses = [503];
    await api.post(server.url, { body: form(), throwHttpErrors: false, ...options });
    const keys = headers('idempotency-key');
    expect(keys).toHaveLength(attempts);
    expect(new Set(keys).size).toBe(1);
    expect(keys[0]).toBe(options.requestId);
  });
});

describe('the limits', () => {
  const slow = (): ReadableStream<Uint8Array> =>
    new ReadableStream({
      async pull(controller) {
        await pause(20);
        controller.enqueue(new Uint8Array(1));
      },
    });

  test('of the headers and of the whole include the time of the upload', async () => {
    for (const phase of ['headers', 'total'] as const) {
      const failed = api.put(server.url, { body: slow(), timeout: { [phase]: 100 }, retry: 0 });
      await expect(failed).rejects.toMatchObject({ name: 'TimeoutError', phase });
    }
  });
});

describe('the progress', () => {
  test('is reported for each attempt, whose body has no length', async () => {
    statuses = [503];
    const reports: number[] = [];
    await api.put(server.url, { body: new Blob([bytes]), onUploadProgress: ({ percent }) => reports.push(percent) });
    expect(reports.at(-1)).toBe(1);
    expect(reports.filter((percent) => percent === 1)).toHaveLength(2);
    expect(await sizes()).toEqual([bytes.length, bytes.length]);
    expect(headers('transfer-encoding')).toEqual(['chunked', 'chunked']);
    expect(headers('content-length')).toEqual([undefined, undefined]);
  });

  test('of an upload in parts is that of the parts, and a part that fails is sent again', async () => {
    const reports: number[] = [];
    statuses = [200, 503];
    const film = new Blob([bytes, bytes, bytes, bytes]); // 12 MiB are three parts of up to 5
    await upload(api, server.url, film, (ratio) => reports.push(ratio));
    expect(reports).toEqual([5 / 12, 10 / 12, 1]);
    const last = film.size - 1;
    const places = ['0-5242879', '5242880-10485759', '5242880-10485759', `10485760-${last}`];
    expect(headers('content-range')).toEqual(places.map((place) => `bytes ${place}/${film.size}`));
    expect(await sizes()).toEqual([5, 5, 5, 2].map((size) => size * megabyte));
  });
});
