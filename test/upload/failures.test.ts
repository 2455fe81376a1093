/** An upload whose requests fail: it goes on where the server is, or it says why it cannot. */
import { randomBytes } from 'node:crypto';
import { getEventListeners } from 'node:events';

import { createFetch, memory, standard, TimeoutError } from 'kyoa';
import { undici, type UndiciFetch } from 'kyoa/undici';
import { upload, UploadError, type Uploaded, type UploadOptions } from 'kyoa/upload';
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';

import { settled, until } from '../support/origin.ts';
import { countTimers, openSockets } from '../support/sockets.ts';
import { uploadServer, type Trouble, type UploadServer } from '../support/uploads/server.ts';

const mebibyte = 1024 * 1024;
const film = randomBytes(3 * mebibyte + 17);
const blob = new Blob([film]);

let server: UploadServer;
let transport: UndiciFetch;
const backoff = (): number => 0;

const sent = (): number => server.seen.reduce((sum, { bytes }) => sum + bytes, 0);
const send = (options: UploadOptions = {}): Promise<Uploaded> => {
  // Without the latency history, which is written a second later.
  const use = standard({ retry: { backoff }, timeout: { headers: 10_000 } });
  const api = createFetch({ use, fetch: transport });
  return upload(api, server.url, blob, { chunk: mebibyte, backoff, ...options });
};
const arrived = async ({ url }: Uploaded): Promise<boolean> => film.equals(await server.bytesOf(url));

describe.each(['tus', 'draft'] as const)('%s', (protocol) => {
  beforeEach(async () => {
    transport = undici();
    server = await uploadServer({ protocol });
  });
  afterEach(async () => {
    await transport.close();
    expect(openSockets(Number(new URL(server.origin).port))).toEqual([]);
    await server[Symbol.asyncDispose]();
  });

  describe('a request that fails is followed by HEAD, and the bytes that arrived are not sent again', () => {
    const cases: [string, Trouble, number][] = [
      ['an append that breaks off', { method: 'PATCH', cutAfter: 500_000 }, mebibyte],
      ['an append whose response is lost', { method: 'PATCH', isLost: true }, 0],
      ['an append that the server cannot store', { method: 'PATCH', status: 503 }, mebibyte],
      ['an upload that is locked', { method: 'PATCH', status: 423 }, mebibyte],
    ];
    test.each(cases)('%s', async (_, trouble, most) => {
      server.trouble(trouble);
      const { url, response } = await send();
      expect(film.equals(await server.bytesOf(url))).toBe(true);
      expect(response.ok).toBe(true);
      expect(server.log.slice(2, 4)).toEqual([
        trouble.status === undefined ? 'PATCH cut' : `PATCH ${trouble.status}`,
        protocol === 'tus' ? 'HEAD 200' : 'HEAD 204',
      ]);
      expect(sent() - film.length).toBeLessThanOrEqual(most);
    });

    test('the last append, whose response is lost', async () => {
      server.trouble({ method: 'PATCH', isLost: true });
      const uploaded = await send({ chunk: Infinity });
      expect(await arrived(uploaded)).toBe(true);
      expect(sent()).toBe(film.length);
      const { response } = uploaded;
      if (protocol === 'draft') expect(await response.json()).toEqual({ size: film.length });
      else expect(response.headers.get('upload-offset')).toBe(String(film.length));
    });

    test('each of the first three appends', async () => {
      const trouble: Trouble = { method: 'PATCH', cutAfter: 300_000 };
      server.trouble(trouble, trouble, trouble);
      expect(await arrived(await send())).toBe(true);
      expect(sent() - film.length).toBeLessThanOrEqual(3 * mebibyte);
    });
  });

  test('more requests fail than `continuations`, and each has confirmed new bytes', async () => {
    const troubles = Array.from({ length: 6 }, (): Trouble => ({ method: 'PATCH', cutAfter: 200_000 }));
    server.trouble(...troubles);
    expect(await arrived(await send({ continuations: 1 }))).toBe(true);
  });

  test('the request that creates the upload is sent again, under one key', async () => {
    server.trouble({ method: 'POST', isLost: true }, { method: 'POST', status: 500 });
    expect(await arrived(await send())).toBe(true);
    const keys = server.seen.filter(({ method }) => method === 'POST').map(({ headers }) => headers['idempotency-key']);
    expect(keys).toHaveLength(3);
    expect(new Set(keys).size).toBe(1);
    expect(keys[0]).toMatch(/^[\da-f-]{36}$/);
  });

  test('a server that confirms nothing ends the upload after `continuations` requests', async () => {
    const troubles = Array.from({ length: 9 }, (): Trouble => ({ method: 'PATCH', status: 503 }));
    server.trouble(...troubles);
    const error = await send({ continuations: 2 }).catch((error: unknown) => error);
    expect(error).toBeInstanceOf(UploadError);
    expect(error).toMatchObject({ code: 'UPLOAD_FAILED', offset: 0, response: { status: 503 } });
    expect(server.seen.filter(({ method }) => method === 'PATCH')).toHaveLength(3);
    expect(JSON.stringify(error)).not.toContain('response');
  });

  test('a refusal ends the upload at once, and names the status', async () => {
    server.trouble({ method: 'PATCH', status: 403 });
    await expect(send()).rejects.toMatchObject({ code: 'UPLOAD_FAILED', message: expect.stringContaining('403') });
    server.trouble({ method: 'POST', status: 401 });
    await expect(send()).rejects.toMatchObject({ code: 'UPLOAD_FAILED', response: { status: 401 } });
    server.trouble({ method: 'OPTIONS', status: 404 });
    await expect(send()).rejects.toMatchObject({ code: 'UPLOAD_UNSUPPORTED' });
  });

  test('a server that cannot be reached fails the upload with the error of the network as its cause', async () => {
    const { url, [Symbol.asyncDispose]: close } = await uploadServer({ protocol: 'draft' });
    await close();
    const failing = upload(transport, url, blob, { continuations: 0 });
    await expect(failing).rejects.toMatchObject({ code: 'UPLOAD_FAILED', cause: { message: 'fetch failed' } });
    const options = { continuations: 0, protocol } as const;
    const creating = upload(transport, url, blob, options);
    await expect(creating).rejects.toMatchObject({ code: 'UPLOAD_FAILED', cause: { message: 'fetch failed' } });
  });

  test('a server that is down is not taken for one without uploads', async () => {
    server.trouble({ method: 'OPTIONS', status: 503 });
    const failing = upload(transport, server.url, blob, { continuations: 0 });
    await expect(failing).rejects.toMatchObject({ code: 'UPLOAD_FAILED', response: { status: 503 } });
  });

  test('an error that is not of the network reaches the caller unchanged', async () => {
    const broken = new RangeError('a bug');
    const fail = (): Promise<Response> => Promise.reject(broken);
    await expect(upload(fail, server.url, blob, {})).rejects.toBe(broken);
    await expect(upload(fail, server.url, blob, { protocol })).rejects.toBe(broken);
    const later: typeof fetch = (url, init) => (init?.method === 'PATCH' ? fail() : transport(url, init));
    await expect(upload(later, server.url, blob)).rejects.toBe(broken);
  });

  test('a last response that breaks off is asked for again', async () => {
    if (protocol === 'tus') return;
    let isFirst = true;
    const breaking: typeof fetch = async (url, init) => {
      const response = await transport(url, init);
      if (!response.headers.get('upload-complete')?.includes('1') || init?.method !== 'PATCH' || !isFirst)
        return response;
      isFirst = false;
      await response.arrayBuffer();
      const body = new ReadableStream({ pull: (controller) => controller.error(new TypeError('terminated')) });
      return new Response(body, response);
    };
    const { response } = await upload(breaking, server.url, blob, { backoff });
    expect(await response.json()).toEqual({ size: film.length });
  });

  test('a pause above a minute that the server requests ends the upload', async () => {
    server.trouble({ method: 'PATCH', status: 429, headers: { 'retry-after': '61' } });
    await expect(send()).rejects.toMatchObject({ code: 'UPLOAD_FAILED' });
  });

  test('a body that is too long for the server is halved, unless `chunk` is given', async () => {
    server.trouble({ method: 'PATCH', status: 413 }, { method: 'PATCH', status: 413 });
    expect(await arrived(await send({ chunk: undefined }))).toBe(true);
    const sizes = server.seen.filter(({ method }) => method === 'PATCH').map(({ bytes }) => bytes);
    expect(sizes.slice(0, 3)).toEqual([mebibyte, mebibyte / 2, mebibyte / 4]);
    server.trouble({ method: 'PATCH', status: 413 });
    await expect(send()).rejects.toMatchObject({ code: 'UPLOAD_FAILED', response: { status: 413 } });
  });

  test('after a failure of the server, the next part is half as long, unless `chunk` is given', async () => {
    for (const [chunk, size] of [
      [undefined, mebibyte / 2],
      [mebibyte, mebibyte],
    ] as const) {
      const { length } = server.seen;
      server.trouble({ method: 'PATCH', status: 503 });
      await send({ chunk });
      const [, second] = server.seen.slice(length).filter(({ method }) => method === 'PATCH');
      expect(second!.bytes).toBe(size);
    }
  });

  test('a server that confirms more than was sent fails the upload', async () => {
    server.trouble({ method: 'PATCH', status: 204, headers: { 'upload-offset': String(2 * mebibyte) } });
    await expect(send()).rejects.toThrow(`confirms ${2 * mebibyte} bytes, of which ${mebibyte} were sent`);
  });

  test('a server that confirms less than was sent gets the rest', async () => {
    const confirmed = { method: 'PATCH', status: 204, headers: { 'upload-offset': '0' } };
    server.trouble(confirmed);
    expect(await arrived(await send())).toBe(true);
    server.trouble(confirmed, confirmed, confirmed);
    await expect(send({ continuations: 2 })).rejects.toMatchObject({ code: 'UPLOAD_FAILED', offset: 0 });
  });

  test('an upload that the server has removed begins anew, once', async () => {
    const storage = memory();
    server.trouble({ method: 'PATCH', status: 403 });
    await expect(send({ requestId: 'film', storage })).rejects.toBeInstanceOf(UploadError);
    await server.forget();
    const { length } = server.log;
    expect(await arrived(await send({ requestId: 'film', storage }))).toBe(true);
    expect(server.log.slice(length, length + 3)).toEqual(['HEAD 404', 'OPTIONS 204', 'POST 201']);
    const keys = server.seen.flatMap(({ headers }) => headers['idempotency-key'] ?? []);
    expect(new Set(keys).size).toBe(2);
    server.trouble({ method: 'PATCH', status: 404 }, { method: 'PATCH', status: 410 });
    await expect(send()).rejects.toThrow('removed the upload twice');
  });

  test.each([
    ['while a request is sent', { method: 'PATCH', isSilent: true }, 'PATCH'],
    ['while the server is asked', { method: 'OPTIONS', isSilent: true }, 'OPTIONS'],
    ['while the upload is created', { method: 'POST', isSilent: true }, 'POST'],
  ] as const)('an abort %s rejects with the reason of the caller, and leaves nothing', async (_, trouble, method) => {
    using timers = countTimers();
    server.trouble(trouble);
    const controller = new AbortController();
    const { signal } = controller;
    const leaving = send({ signal });
    await until(() => server.seen.some((seen) => seen.method === method));
    const reason = new Error('left');
    controller.abort(reason);
    await expect(leaving).rejects.toBe(reason);
    expect(getEventListeners(signal, 'abort')).toEqual([]);
    expect(timers.open()).toBe(0);
  });

  test.each(['OPTIONS', 'PATCH'])(
    'an abort of %s with an error like those of the network is no failure',
    async (method) => {
      server.trouble({ method, isSilent: true });
      const controller = new AbortController();
      const leaving = send({ signal: controller.signal, continuations: 0 });
      await until(() => server.seen.some((seen) => seen.method === method));
      const reason = new TimeoutError({ phase: 'total', limit: 1, elapsed: 1 });
      controller.abort(reason);
      await expect(leaving).rejects.toBe(reason);
    },
  );

  test('a signal that has aborted lets nothing be sent or stored', async () => {
    const storage = memory();
    const failing = send({ signal: AbortSignal.abort('left'), requestId: 'film', storage });
    await expect(failing).rejects.toBe('left');
    expect(server.log).toEqual([]);
    expect(await storage.get(`upload ${JSON.stringify([server.url, 'film'])}`)).toBeUndefined();
  });

  test('an abort during the pause ends it at once', async () => {
    server.trouble({ method: 'PATCH', status: 503 });
    const controller = new AbortController();
    const leaving = send({
      signal: controller.signal,
      backoff: () => {
        queueMicrotask(() => controller.abort('left'));
        return 60_000;
      },
    });
    await expect(leaving).rejects.toBe('left');
    expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
  });

  test('an append that takes more than a minute is aborted, and the upload goes on', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    server.trouble({ method: 'PATCH', isSilent: true });
    const patient = undici({ headers: false, connect: false, write: false });
    const sending = upload(patient, server.url, blob, { chunk: mebibyte, backoff });
    await until(() => server.seen.some(({ method }) => method === 'PATCH'));
    vi.advanceTimersByTime(59_990);
    await settled();
    expect(server.log.at(-1)).toBe('PATCH cut');
    vi.advanceTimersByTime(10);
    vi.useRealTimers();
    expect(await arrived(await sending)).toBe(true);
    await patient.close();
  });

  test('`timeout` replaces the minute, and limits each request', async () => {
    server.trouble({ method: 'PATCH', isSilent: true });
    expect(await arrived(await send({ timeout: 500 }))).toBe(true);
    const cut = server.log.indexOf('PATCH cut');
    expect(server.log[cut + 1]).toBe(protocol === 'tus' ? 'HEAD 200' : 'HEAD 204');
  });

  test.each([[500], [{ total: 500 }]])(
    '`timeout` %j limits each request of a fetch that has no limits',
    async (timeout) => {
      server.trouble({ method: 'PATCH', isSilent: true });
      expect(await arrived(await upload(transport, server.url, blob, { chunk: mebibyte, backoff, timeout }))).toBe(
        true,
      );
      expect(server.log).toContain('PATCH cut');
    },
  );

  test('a success leaves no listener and no timer', async () => {
    using timers = countTimers();
    const { signal } = new AbortController();
    await send({ signal });
    expect(getEventListeners(signal, 'abort')).toEqual([]);
    expect(timers.open()).toBe(0);
  });
});
