/** Shared responses in a browser: its own body methods, its internal slots and its modes apply to them. */
import { beforeEach, describe, expect, inject, test } from 'vitest';
import { createFetch, dedupe, standard } from '../../../src/index.ts';
import type { Plain } from '../../support/faults/control.ts';
import { reasonOf } from '../../support/promises.ts';

const origins = inject('origins');
const at = (path: string): string => origins.origin + path;
const ask = async <T>(path: string): Promise<T> =>
  (await globalThis.fetch(origins.control + path)).json() as Promise<T>;
const count = async (): Promise<number> => (await ask<{ requests: Plain[] }>('/seen')).requests.length;

const fetch = createFetch({ use: [dedupe()] });
// Chromium delays a request while another one for the same URL may still fill its cache.
const calls = (count: number, url: string, init: RequestInit = {}): Promise<Response>[] =>
  Array.from({ length: count }, () => fetch(url, { cache: 'no-store', ...init }));

beforeEach(() => ask('/reset'));

describe('dedupe in Chromium', () => {
  test('sends 200 identical GETs once, and each caller gets the whole body', async () => {
    const texts = await Promise.all(calls(200, at('/ok?size=65536')).map(async (response) => (await response).text()));
    expect(new Set(texts)).toEqual(new Set(['kyoa '.repeat(13_108).slice(0, 65_536)]));
    expect(await count()).toBe(1);
  });

  test('works through the standard stack', async () => {
    const fetch = createFetch({ use: standard() });
    const url = at('/ok?size=65536');
    const texts = await Promise.all(
      Array.from({ length: 20 }, async () => (await fetch(url, { cache: 'no-store' })).text()),
    );
    expect(new Set(texts.map(({ length }) => length))).toEqual(new Set([65_536]));
    expect(await count()).toBe(1);
  });

  test.each<[string, (response: Response) => Promise<unknown>]>([
    ['text', (response) => response.text()],
    ['json', (response) => response.json()],
    ['arrayBuffer', async (response) => new Uint8Array(await response.arrayBuffer())],
    ['bytes', (response) => response.bytes()],
    ['blob', async (response) => [(await response.clone().blob()).type, await (await response.blob()).text()]],
    ['a stream', async ({ body }) => new Response(body).text()],
    [
      'for await',
      async ({ body }) => {
        const decoder = new TextDecoder();
        let text = '';
        for await (const chunk of body!) text += decoder.decode(chunk, { stream: true });
        return text;
      },
    ],
  ])('gives each caller a Response that is read by %s, used and locked like the platform’s own', async (_how, read) => {
    const url = at('/ok');
    const life = async (response: Response): Promise<unknown[]> => {
      const state = (): unknown[] => [response.bodyUsed, response.body!.locked];
      const unread = state();
      const reading = read(response);
      const during = state();
      const value = await reading;
      const clone = await reasonOf((async () => response.clone())());
      return [
        unread,
        during,
        value,
        state(),
        (await reasonOf(response.text())) instanceof TypeError,
        clone instanceof TypeError,
      ];
    };
    const expected = await life(await globalThis.fetch(url, { cache: 'no-store' }));
    for (const response of await Promise.all(calls(3, url))) {
      const clone = response.clone();
      expect(await life(response)).toEqual(expected);
      expect(await life(clone)).toEqual(expected);
    }
    expect(await count()).toBe(2);
  });

  test('gives each caller a Response that is read by formData()', async () => {
    const url = at(`/ok?headers=${encodeURIComponent('{"content-type":"application/x-www-form-urlencoded"}')}&size=9`);
    for (const response of await Promise.all(calls(3, url))) {
      expect([...(await response.formData()).keys()]).toEqual(['kyoa kyoa']);
    }
  });

  test('gives each caller a Response with the url, status, headers and type of Chromium’s own, as its clones have', async () => {
    const facts = ({ url, redirected, type, status, ok, headers }: Response): unknown => ({
      facts: [url, redirected, type, status, ok],
      headers: [...headers],
    });
    const url = at('/redirect/to');
    const native = facts(await globalThis.fetch(url, { cache: 'no-store' }));
    expect(native).toMatchObject({ facts: [at('/ok'), true, 'cors', 200, true] });
    for (const response of await Promise.all(calls(3, url))) {
      for (const one of [response, response.clone(), response.clone().clone()]) {
        expect(one).toBeInstanceOf(Response);
        expect(facts(one)).toEqual(native);
      }
    }
  });

  test('gives each caller a Response that the platform can read by itself: the Cache API, new Response, a message port', async () => {
    const [first, second, third, fourth] = await Promise.all(calls(4, at('/ok?size=300')));
    const cache = await caches.open('kyoa-dedupe');
    await cache.put('/first', first!);
    await cache.put('/second', second!);
    expect(await (await cache.match('/first'))!.text()).toHaveLength(300);
    expect(await (await cache.match('/second'))!.text()).toHaveLength(300);
    await caches.delete('kyoa-dedupe');
    expect(await new Response(third!.body, third).text()).toHaveLength(300);

    const { port1, port2 } = new MessageChannel();
    const body = fourth!.body!;
    port1.postMessage(body, [body]);
    const { data } = await new Promise<MessageEvent<ReadableStream>>((resolve) => {
      port2.addEventListener('message', resolve, { once: true });
      port2.start();
    });
    expect(await new Response(data).text()).toHaveLength(300);
    port1.close();
  });

  test('shares opaque responses, empty ones and those to HEAD', async () => {
    for (const [path, init, type, status] of [
      ['/ok?opaque', { mode: 'no-cors' }, 'opaque', 0],
      ['/redirect/to', { redirect: 'manual' }, 'opaqueredirect', 0],
      ['/status/204', {}, 'cors', 204],
      ['/ok?head', { method: 'HEAD' }, 'cors', 200],
    ] as const) {
      await ask('/reset');
      const responses = await Promise.all(calls(3, at(path), init));
      expect(await count()).toBe(1);
      for (const response of responses) {
        expect(response).toMatchObject({ type, status, bodyUsed: false });
        expect(await response.clone().text()).toBe('');
        expect(await response.text()).toBe('');
      }
    }
  });

  test('gives each caller an opaque response that the Cache API can store', async () => {
    const responses = await Promise.all(calls(3, at('/ok?size=100'), { mode: 'no-cors' }));
    const cache = await caches.open('kyoa-opaque');
    for (const [n, response] of responses.entries()) await cache.put(`/${n}`, response);
    for (const n of [0, 1, 2]) expect((await cache.match(`/${n}`))!.type).toBe('opaque');
    await caches.delete('kyoa-opaque');
  });

  test('gives its only caller Chromium’s own Response', async () => {
    const response = await fetch(at('/ok'), { cache: 'no-store' });
    expect(Object.getPrototypeOf(response)).toBe(Response.prototype);
    await response.text();
  });

  test('keeps the request while callers leave, and aborts it with the last one', async () => {
    const controllers = [0, 1, 2].map(() => new AbortController());
    const path = '/stall/body?bytes=400';
    const responses = controllers.map(({ signal }) => fetch(at(path), { signal, cache: 'no-store' }));
    const texts = Promise.all(responses.map(async (response) => reasonOf((async () => (await response).text())())));
    await responses[0];
    controllers[0]!.abort('first');
    controllers[1]!.abort('second');
    expect(await ask<Plain[]>(`/until?state=hanging&url=${encodeURIComponent(path)}`)).toHaveLength(1);
    controllers[2]!.abort('third');
    expect(await texts).toEqual(['first', 'second', 'third']);
    await ask(`/until?state=aborted&url=${encodeURIComponent(path)}`);

    const [gone, staying] = [new AbortController(), new AbortController()];
    const dripping = [gone, staying].map(({ signal }) =>
      fetch(at('/drip/body?chunks=5&size=20'), { signal, cache: 'no-store' }),
    );
    await dripping[0];
    gone.abort('bored');
    expect(await (await dripping[1]!).text()).toHaveLength(100);
  });

  test('fails the body of every caller after a reset', async () => {
    for (const response of await Promise.all(calls(3, at('/reset/amid-body')))) {
      await expect(response.text()).rejects.toThrow(TypeError);
    }
  });

  test('does not share an event stream, and shares a long body', async () => {
    for (const response of await Promise.all(calls(2, at('/sse?events=1')))) {
      expect(await response.text()).toContain('data: {"n":1}');
    }
    expect(await count()).toBe(2);
    await ask('/reset');
    const long = await Promise.all(calls(2, at('/ok?size=1200000')));
    expect(await Promise.all(long.map(async (response) => (await response.arrayBuffer()).byteLength))).toEqual([
      1_200_000, 1_200_000,
    ]);
    expect(await count()).toBe(1);
  });
});
