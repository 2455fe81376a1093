/** The caches of docs/recipes/caching.md in Chromium: its HTTP cache, and docs/examples/cached.ts on the Cache API. */
import kyoa from 'kyoa';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { cached } from '../../docs/examples/cached.ts';

let answers: number;
let fetched: typeof fetch;
beforeEach(() => {
  answers = 0;
  fetched = async () => new Response(String((answers += 1)));
});
afterEach(async () => {
  vi.useRealTimers();
  await caches.delete('test');
});

const url = `${location.origin}/prices`;
const stored = (): Promise<boolean> => caches.match(url).then((response) => response !== undefined);
const withCache = (maxAge = 60_000) =>
  kyoa.create({ fetch: (...call) => fetched(...call), use: (stack) => [cached('test', maxAge), ...stack] });

describe('cached', () => {
  test('returns a stored response without a request', async () => {
    expect(await withCache().get(url).text()).toBe('1');
    await vi.waitUntil(stored);
    expect(await withCache().get(url).text()).toBe('1');
    expect(answers).toBe(1);
  });

  test('asks the server once the response is older than maxAge', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    await withCache().get(url).text();
    await vi.waitUntil(stored);
    vi.setSystemTime(Date.now() + 60_000);
    expect(await withCache().get(url).text()).toBe('2');
  });

  test('leaves alone a call that says so, a POST, and a response that is no success', async () => {
    fetched = async () => new Response(String((answers += 1)), { status: 404 });
    const api = withCache().extend({ throwHttpErrors: false });
    await api.get(url);
    await api.post(url);
    const ask: object = { cached: false };
    await api.get(url, ask);
    expect(await stored()).toBe(false);
    expect(answers).toBe(3);
  });
});
