/** The whole pipeline in a page, over the fetch of a real browser: every fault, and our members on its Responses. */
import { beforeEach, describe, expect, inject, test } from 'vitest';
import kyoa, { constant, createFetch, isNetworkError, standard, TimeoutError, type KyoaEvent } from '../src/index.ts';
import type { Plain } from './support/faults/control.ts';
import { faults, type Fault } from './support/faults/table.ts';
import { watched } from './support/call.ts';
import { reasonOf } from './support/promises.ts';

const origins = inject('origins');
const at = (path: string): string => origins.origin + path;
const askServer = async <T>(path: string): Promise<T> =>
  (await globalThis.fetch(origins.control + path)).json() as Promise<T>;
const seen = async (path: string): Promise<readonly Plain[]> =>
  (await askServer<{ requests: Plain[] }>(`/seen?url=${encodeURIComponent(path)}`)).requests;

// A comment line of an event stream is a heartbeat, and no progress.
const isProgress = (chunk: Uint8Array) => chunk[0] !== 0x3a;
const short = { total: 2_500, headers: 400, idle: 350, isProgress };
/** The limits of faults that end by themselves: a busy machine takes long for an upload of 8 MiB. */
const long = { total: 10_000, headers: 5_000, idle: 5_000, isProgress };
/** A new stack for each test, because a breaker has state. */
const stack = (limits = short) => standard({ timeout: limits, retry: { retries: 2, backoff: constant(2) } });

beforeEach(() => askServer('/reset'));

describe('the standard stack in Chromium', () => {
  // Faults that need a server without connections are left out: Chromium itself sends those requests again.
  test.each(faults.filter(({ before }) => before === undefined))(
    'settles rightly and in time for the fault $name ($path)',
    { timeout: 15_000 },
    async (fault) => {
      const limits = fault.chromium.startsWith('hangs') ? short : long;
      const { fetch, events } = watched(stack(limits));
      const started = performance.now();
      const result = await run(fault, fetch);
      expect(performance.now() - started).toBeLessThan(limits.total + 1_500);
      expect(
        rightFor(fault, result, events),
        `${fault.chromium} became ${JSON.stringify(result)} ${String('error' in result && result.error)}`,
      ).toBe(true);
    },
  );
});

type Result = { status: number; bytes: number } | { error: unknown; status?: number };

async function run(fault: Fault, fetch: typeof globalThis.fetch): Promise<Result> {
  let response: Response | undefined;
  try {
    response = await fetch(origins[fault.at ?? 'origin'] + fault.path, {
      method: fault.method ?? 'GET',
      body: fault.upload === undefined ? null : new Uint8Array(fault.upload),
      // Chromium delays a request while another request for the same URL may still fill its cache.
      cache: 'no-store',
    });
    return { status: response.status, bytes: (await response.arrayBuffer()).byteLength };
  } catch (error) {
    return { error, ...(response && { status: response.status }) };
  }
}

function rightFor(fault: Fault, result: Result, events: readonly KyoaEvent[]): boolean {
  const retried = events.filter(({ type }) => type === 'retry.scheduled').length;
  const { chromium } = fault;
  if ('error' in result) {
    const { error, status } = result;
    if (chromium === 'hangs in body') return error instanceof TimeoutError && ['total', 'idle'].includes(error.phase);
    if (chromium === 'hangs before headers') return error instanceof TimeoutError && error.phase === 'headers';
    if (chromium === 'error in body') return error instanceof TypeError && status === 200 && retried === 0;
    return chromium === 'error' && error instanceof TypeError;
  }
  if (chromium === 'error') return retried > 0 && result.status === 200; // mended
  if (chromium === 'silently short') return result.bytes < (fault.bytes ?? Infinity);
  return chromium === 'response' && [fault.status ?? 200, 200].includes(result.status);
}

describe('Responses in Chromium', () => {
  const fetch = createFetch({ use: stack() });

  test('stay genuine, with instanceof, url, redirected, type, clone and every reader', async () => {
    const response = await fetch(at('/redirect/to'));
    const copy = response.clone();
    for (const one of [response, copy, copy.clone()]) {
      expect(one).toBeInstanceOf(Response);
      expect(one).toMatchObject({ redirected: true, type: 'cors', status: 200 });
      expect(one.url).toContain(origins.origin);
      expect(await one.json()).toMatchObject({ method: 'GET' });
      expect(one.bodyUsed).toBe(true);
    }
    const url = at('/ok?size=2000');
    expect(await (await fetch(url)).text()).toHaveLength(2000);
    expect((await (await fetch(url)).arrayBuffer()).byteLength).toBe(2000);
    expect((await (await fetch(url)).blob()).size).toBe(2000);
    expect(await (await fetch(url)).bytes()).toHaveLength(2000);
  });

  test('can be read by the Cache API, which bypasses our members', async () => {
    const cache = await caches.open('kyoa-test');
    const response = await fetch(at('/ok?size=300'));
    expect(response.body).not.toBeNull();
    await cache.put('/cached', response);
    expect(await (await cache.match('/cached'))!.text()).toHaveLength(300);
    await caches.delete('kyoa-test');
  });

  test('can be read through their body by a reader, by iteration and by a BYOB reader', async () => {
    const checked = await fetch(at('/ok?size=100'));
    expect(checked.body).not.toBeNull();
    expect(await checked.text()).toHaveLength(100);
    let bytes = 0;
    for await (const chunk of (await fetch(at('/drip/body?chunks=5&gap=5'))).body!) bytes += chunk.byteLength;
    expect(bytes).toBeGreaterThan(4);
    const native = await globalThis.fetch(at('/ok?size=100'));
    if (isByteStream(native)) {
      const reader = (await fetch(at('/ok?size=100'))).body!.getReader({ mode: 'byob' });
      expect((await reader.read(new Uint8Array(1000))).value!.byteLength).toBe(100);
      await reader.cancel();
    }
  });

  test('reject with the caller’s own reason during the body, which those of Chromium do not always', async () => {
    const leaving = new AbortController();
    const response = await fetch(at('/stall/body'), { signal: leaving.signal });
    const thrown = reasonOf(response.text());
    const reason = { why: 'mine' };
    leaving.abort(reason);
    expect(await thrown).toBe(reason);
  });

  test('have the referrer policy of their Request on the wire', async () => {
    await (await fetch(new Request(at('/ok?policy'), { referrerPolicy: 'no-referrer' }))).text();
    await (await fetch(at('/ok?default'))).text();
    expect((await seen('/ok?policy'))[0]!.headers).not.toHaveProperty('referer');
    expect((await seen('/ok?default'))[0]!.headers).toHaveProperty('referer');
  });
});

describe('the client in Chromium', () => {
  const api = kyoa.create({ prefix: origins.origin, use: stack() });

  test('gets and sends JSON, and retries with the whole body', async () => {
    expect(await api.get('ok').json()).toMatchObject({ method: 'GET' });
    await api.put('sequence?statuses=503,503,200&id=browser-put', { json: { a: 1 } });
    const bodies = (await seen('/sequence')).map(({ body }) => body);
    expect(bodies).toEqual(['{"a":1}', '{"a":1}', '{"a":1}']);
  });

  test('rejects with a network error if no server listens, and with an HTTPError for a status', async () => {
    const failed = await reasonOf(kyoa.get(`${origins.refused}/`, { retry: 0 }));
    expect(isNetworkError(failed)).toBe(true);
    await expect(api.get('status/404')).rejects.toMatchObject({ name: 'HTTPError', response: { status: 404 } });
  });

  test('gives a request a UUID as its id', async () => {
    const { fetch, events } = watched([], async () => new Response(null));
    await fetch('https://x.example/');
    expect(events[0]!.id).toMatch(/^[\da-f-]{36}$/);
  });
});

function isByteStream(response: Response): boolean {
  try {
    response.body!.getReader({ mode: 'byob' }).releaseLock();
    return true;
  } catch {
    return false;
  }
}
