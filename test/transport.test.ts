/** What the transport gets of a call. */
import { constant, createFetch, hedge, retry } from 'kyoa';
import { describe, expect, test } from 'vitest';

import { url } from './support/http.ts';

/** A fetch with the mark of Next. It fails the first request. Returns the `keepalive` of each request. */
function patched(mark: object): { fetch: typeof fetch; sent: (boolean | undefined)[] } {
  const sent: (boolean | undefined)[] = [];
  const fetch = async (_: RequestInfo | URL, init?: RequestInit): Promise<Response> => {
    sent.push(init?.keepalive);
    return new Response('', { status: sent.length === 1 ? 503 : 200 });
  };
  return { fetch: Object.assign(fetch, mark), sent };
}

describe('a fetch that Next has patched', () => {
  const next = { __nextPatched: true };
  const use = [retry({ backoff: constant(0) })];

  test.for([
    ['a retry', use, {}],
    ['a copy', [hedge({ delay: 0 })], {}],
    ['a retry of a HEAD', use, { method: 'HEAD' }],
  ] as const)('does not serve %s from its memo', async ([, use, init]) => {
    const { fetch, sent } = patched(next);
    await createFetch({ use, fetch })(url, init);
    expect(sent).toEqual([undefined, true]);
  });

  test('serves the first request of another call from its memo', async () => {
    const { fetch, sent } = patched(next);
    const api = createFetch({ fetch });
    await api(url);
    await api(url);
    expect(sent).toEqual([undefined, undefined]);
  });

  test('has no memo of a request with a body', async () => {
    const { fetch, sent } = patched(next);
    await createFetch({ use, fetch })(url, { method: 'PUT', body: 'again' });
    expect(sent).toEqual([undefined, undefined]);
  });

  test('is the only one whose requests change', async () => {
    const { fetch, sent } = patched({});
    await createFetch({ use, fetch })(url);
    expect(sent).toEqual([undefined, undefined]);
  });
});
