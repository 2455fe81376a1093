/** Event streams in a page: Chromium's fetch, its cache, CORS and hidden tabs. */
import kyoa, { constant, createFetch, standard } from 'kyoa';
import { events, type ServerSentEvent } from 'kyoa/events';
import { describe, expect, inject, test } from 'vitest';

import type { Plain } from '../support/faults/control.ts';
import { reasonOf } from '../support/promises.ts';

const origins = inject('origins');
/** Other files use the server at the same time: each URL is that of one test. */
const at = (path: string): string => `${origins.origin}${path}&id=${crypto.randomUUID()}`;
const requests = async (url: string): Promise<readonly Plain[]> => {
  const path = encodeURIComponent(url.slice(origins.origin.length));
  const response = await globalThis.fetch(`${origins.control}/seen?url=${path}`);
  return ((await response.json()) as { requests: Plain[] }).requests;
};

const numbers = (count: number): string[] => Array.from({ length: count }, (_, n) => String(n + 1));

async function dataOf(stream: AsyncIterable<ServerSentEvent>): Promise<string[]> {
  const data: string[] = [];
  for await (const event of stream) data.push(event.data);
  return data;
}

describe.each([
  ['a plain fetch', fetch],
  ['createFetch', createFetch({ use: standard() })],
  ['the client', kyoa],
] as const)('an event stream of %s in Chromium', (_, api) => {
  const stream = events as (api: unknown, url: string, options?: unknown) => ReturnType<typeof events>;

  test.each(['reset', 'fin', 'end'])(
    'has all events, none of them twice, over connections that end by %s',
    async (how) => {
      // Between the events and the cut, Chromium must pass on the events.
      const url = at(`/feed?total=60&cut=10&empty=4&repeat=3&retry=0&gap=20&how=${how}`);
      expect(await dataOf(stream(api, url, { backoff: constant(0) }))).toEqual(numbers(60));
    },
  );

  test('is aborted at once with the reason of the caller', async () => {
    const controller = new AbortController();
    const url = at('/sse?events=1&then=heartbeat');
    const events = stream(api, url, { signal: controller.signal });
    expect((await events.next()).value.data).toBe('{"n":1}');
    const pending = reasonOf(events.next());
    const reason = new Error('the user left');
    controller.abort(reason);
    expect(await pending).toBe(reason);
    await expect.poll(async () => (await requests(url)).map(({ state }) => state)).toEqual(['aborted']);
  });

  test('is closed by a break', async () => {
    const url = at('/sse?events=1&then=heartbeat');
    for await (const _ of stream(api, url)) break;
    await expect.poll(async () => (await requests(url)).map(({ state }) => state)).toEqual(['aborted']);
  });

  test('does not wait for another stream of its URL', async () => {
    const url = at('/sse?events=1&then=heartbeat&delay=600');
    const both = [stream(api, url), stream(api, url)];
    const first = await Promise.all(both.map((events) => events.next()));
    expect(first.map(({ value }) => value.data)).toEqual(['{"n":1}', '{"n":1}']);
    await Promise.all(both.map((events) => events.return()));
    const [sooner, later] = (await requests(url)).map(({ at }) => at);
    expect(later! - sooner!).toBeLessThan(500);
  });

  test('stays when the tab is hidden and shown again', async () => {
    const url = at('/sse?events=3&gap=100');
    const events = stream(api, url);
    await events.next();
    for (const state of ['hidden', 'visible'] as const) {
      Object.defineProperty(document, 'visibilityState', { value: state, configurable: true });
      document.dispatchEvent(new Event('visibilitychange'));
    }
    Reflect.deleteProperty(document, 'visibilityState');
    expect((await events.next()).value.data).toBe('{"n":2}');
    expect(await requests(url)).toHaveLength(1);
    await events.return();
  });
});
