import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createFetch, dedupe, standard, type KyoaFetch } from '../../src/index.ts';
import { url } from '../support/http.ts';

describe('dedupe', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  const busy = (): KyoaFetch =>
    createFetch({
      use: standard(),
      fetch: async () => new Response('busy', { status: 503, headers: { 'retry-after': '5' } }),
    });

  test('keeps a shared request within the deadline of its caller, and retry starts no pause that would reach it', async () => {
    const started = performance.now();
    const response = await busy()(url, { timeout: { total: 1_000 } });
    expect([response.status, performance.now() - started]).toEqual([503, 0]);
    await response.text();
  });

  test('keeps a shared request alive for the caller with the latest deadline', async () => {
    const fetch = busy();
    const [short, long] = [1_000, 20_000].map((total) =>
      fetch(url, { timeout: { total } }).then(
        ({ status }) => status,
        (error: unknown) => (error as { limit: number }).limit,
      ),
    );
    await vi.advanceTimersByTimeAsync(20_000);
    expect([await short, await long]).toEqual([1_000, 503]);
  });

  test.each([
    ['x-api-key', { headers: { 'x-api-key': 'alice' } }, { headers: { 'x-api-key': 'bob' } }],
    ['if-none-match', { headers: { 'if-none-match': '"1"' } }, {}],
    ['mode', { mode: 'no-cors' }, {}],
    ['integrity', { integrity: 'sha256-AAAA' }, {}],
    ['a member for the transport', { cf: 'a' }, { cf: 'b' }],
  ] as [string, RequestInit, RequestInit][])(
    'sends two requests for two calls that differ in %s',
    async (_name, one, other) => {
      const sent: unknown[] = [];
      const fetch = createFetch({
        use: [dedupe()],
        fetch: async (request) => (sent.push(request), new Response(null)),
      });
      await Promise.all([fetch(url, one), fetch(url, other)]);
      expect(sent).toHaveLength(2);
    },
  );
});
