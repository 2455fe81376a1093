/** `background` receives the work that goes on after a response. */
import kyoa, {
  adaptive,
  createFetch,
  createHandler,
  idempotency,
  KyoaError,
  memory,
  staleIfError,
  timeout,
  type Background,
  type Storage,
} from 'kyoa';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

const url = 'https://api.example.com/things';
const respond = async (): Promise<Response> => new Response('ok');

const stored = async (storage: Storage): Promise<boolean> =>
  (await storage.get('latency headers GET https://api.example.com/things')) !== undefined;

describe('background', () => {
  let work: Promise<unknown>[];
  let background: Background;
  beforeEach(() => {
    vi.useFakeTimers();
    work = [];
    background = (promise) => void work.push(promise);
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  const use = [timeout({ headers: adaptive() })];
  const callers: Record<string, (storage: Storage) => Promise<unknown>> = {
    createFetch: (storage) => createFetch({ use, storage, background, fetch: respond })(url),
    'a call of createFetch': (storage) => createFetch({ use, storage, fetch: respond })(url, { background }),
    'the client': (storage) => kyoa.create({ use, storage, background, fetch: respond }).get(url).text(),
    'a client that extends it': (storage) =>
      kyoa
        .create({ use, storage, background, fetch: respond })
        .extend({ headers: { accept: 'text/plain' } })
        .get(url)
        .text(),
    'a call of the client': (storage) => kyoa.create({ use, storage, fetch: respond }).get(url, { background }).text(),
    "the client's fetch": (storage) => kyoa.create({ use, storage, background, fetch: respond }).fetch(url),
    'a fetch that extends it': (storage) =>
      createFetch({ use, storage, background, fetch: respond }).extend({ use: [] })(url),
  };

  test.each(Object.entries(callers))('of %s receives the write of the history', async (_, call) => {
    const storage = memory();
    await call(storage);
    expect(work.length).toBe(1);
    expect(await stored(storage)).toBe(false);
    await vi.advanceTimersByTimeAsync(1_000);
    await work[0];
    expect(await stored(storage)).toBe(true);
  });

  test('receives one write for many calls, which ends when it is written', async () => {
    const storage = memory();
    const fetch = createFetch({ use, storage, background, fetch: respond });
    for (let nth = 0; nth < 100; nth += 1) {
      await fetch(url);
      await vi.advanceTimersByTimeAsync(10);
    }
    expect(work.length).toBe(1);
    await vi.advanceTimersByTimeAsync(1_000);
    await work[0];
    expect(vi.getTimerCount()).toBe(0);
  });

  test('of a handler receives the execution of a request, up to the end of its record', async () => {
    const storage = memory();
    const handle = createHandler({ use: [idempotency()], storage }, respond).with({ background });
    const set = vi.spyOn(storage, 'set');
    const request = new Request(url, { method: 'POST', body: 'x', headers: { 'idempotency-key': '1' } });
    await handle(request);
    expect(work.length).toBe(1);
    await work[0];
    expect(set).toHaveBeenCalledTimes(2);
  });

  test('of a handler is an option, too', async () => {
    const handle = createHandler({ use: [idempotency()], background }, () => Promise.reject(new Error('broken')));
    const request = new Request(url, { method: 'POST', body: 'x', headers: { 'idempotency-key': '1' } });
    await expect(handle(request)).rejects.toThrow('broken');
    await work[0]; // it never rejects
  });

  test('receives the write of a response that staleIfError stores', async () => {
    const fetch = createFetch({ use: [staleIfError()], background, fetch: respond });
    await (await fetch(url)).text();
    expect(work.length).toBe(1);
    await work[0];
  });

  test('that throws does not fail the call', async () => {
    const report = vi.spyOn(console, 'error').mockImplementation(() => {});
    const error = new TypeError('Illegal invocation');
    const broken = (): never => {
      throw error;
    };
    const fetch = createFetch({ use, background: broken, fetch: respond });
    expect((await fetch(url)).status).toBe(200);
    expect(report).toHaveBeenCalledExactlyOnceWith('kyoa: background threw', error);
    report.mockRestore();
  });

  test('that rejects does not fail the program', async () => {
    const report = vi.spyOn(console, 'error').mockImplementation(() => {});
    const error = new Error('no more work');
    const broken = async (): Promise<void> => {
      throw error;
    };
    const fetch = createFetch({ use, background: broken, fetch: respond });
    expect((await fetch(url)).status).toBe(200);
    await vi.advanceTimersByTimeAsync(0);
    expect(report).toHaveBeenCalledExactlyOnceWith('kyoa: background threw', error);
    report.mockRestore();
  });

  test('must be a function', async () => {
    const invalid = { background: 5 as never };
    const message = 'background must be a function like (work) => ctx.waitUntil(work), got 5';
    const expected = expect.objectContaining({ code: 'INVALID_OPTION', message });
    expect(() => createFetch(invalid)).toThrow(KyoaError);
    expect(() => createFetch(invalid)).toThrow(message);
    expect(() => createHandler(invalid, respond)).toThrow(message);
    await expect(createFetch({ fetch: respond })(url, invalid)).rejects.toEqual(expected);
    await expect(kyoa.get(url, { ...invalid, fetch: respond })).rejects.toEqual(expected);
    await expect(createHandler({}, respond).with(invalid)(new Request(url))).rejects.toEqual(expected);
  });
});
