/** Chromium's HTTP cache holds back a second GET of a URL until the headers of the first one have arrived. */
import { beforeEach, describe, expect, inject, test } from 'vitest';
import { hedge } from '../../../src/index.ts';
import type { Plain } from '../../support/faults/control.ts';
import { watched } from '../../support/call.ts';

const origins = inject('origins');
const ask = async <T>(path: string): Promise<T> =>
  (await globalThis.fetch(origins.control + path)).json() as Promise<T>;
const seen = async (path: string): Promise<readonly Plain[]> =>
  (await ask<{ requests: Plain[] }>(`/seen?url=${encodeURIComponent(path)}`)).requests;

beforeEach(() => ask('/reset'));

describe('hedge in Chromium', () => {
  test('sends the copy of a GET past the cache lock', async () => {
    const { fetch, events } = watched([hedge({ delay: 100 })]);
    const started = performance.now();
    const response = await fetch(`${origins.origin}/sequence?steps=hang,ok&id=${crypto.randomUUID()}`);
    expect(await response.json()).toMatchObject({ path: '/sequence' });
    expect(performance.now() - started).toBeLessThan(5_000); // the lock lasts 20 s
    expect(await seen('/sequence')).toHaveLength(2);
    expect(events.filter(({ type }) => type === 'hedge.won')).toMatchObject([{ copy: 2 }]);
  });

  test('has to bypass that lock, because Chromium would hold back the copy', async () => {
    const path = `/sequence?steps=hang,ok&id=${crypto.randomUUID()}`;
    const leaving = new AbortController();
    const first = globalThis.fetch(origins.origin + path, { signal: leaving.signal }).catch(() => undefined);
    const second = globalThis.fetch(origins.origin + path, { signal: leaving.signal }).catch(() => undefined);
    const bypassing = await globalThis.fetch(origins.origin + path, { signal: leaving.signal, cache: 'no-store' });
    await bypassing.text();
    expect(await seen('/sequence')).toHaveLength(2); // the first and the third
    leaving.abort();
    await Promise.all([first, second]);
  });

  test('keeps headers, credentials mode and referrer policy in the copy, and the caller’s own cache mode', async () => {
    const sent: Request[] = [];
    const { fetch } = watched([hedge({ delay: 50 })], (input, init) => {
      sent.push(new Request(input, init));
      return globalThis.fetch(input, init);
    });
    const init = { headers: { accept: 'text/x' }, credentials: 'omit', referrerPolicy: 'no-referrer' } as const;
    await (await fetch(`${origins.origin}/ok?delay=200`, init)).text();
    await (await fetch(`${origins.origin}/ok?delay=200`, { cache: 'reload' })).text();
    expect(sent.map(({ cache }) => cache)).toEqual(['default', 'no-store', 'reload', 'reload']);
    expect(sent[1]).toMatchObject({ credentials: 'omit', referrerPolicy: 'no-referrer' });
    expect(sent[1]!.headers.get('accept')).toBe('text/x');
  });
});
