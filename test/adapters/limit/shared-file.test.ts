/** Shared limits in a file. Each `shared()` is a process of the machine: it has a name and a connection of its own. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { createFetch, limit, observe, type KyoaEvent, type LimitOptions, type Storage } from 'kyoa';
import { file, shared, type SharedOptions } from 'kyoa/file';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { url } from '../../support/http.ts';
import { delayed } from '../../support/promises.ts';

let folder: string;
let stores: Storage[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kyoa-shared-'));
});
afterEach(async () => {
  await Promise.all(stores.map((store) => store.close()));
  stores = [];
  rmSync(folder, { recursive: true });
});

function open(): Storage {
  const store = file(join(folder, 'limits.db'), { durability: 'process' });
  stores.push(store);
  return store;
}

function member(options: LimitOptions, respond = async () => new Response(null), inCommon?: SharedOptions) {
  const starts: number[] = [];
  const events: KyoaEvent[] = [];
  const policy = limit({ queue: Infinity, ...options, across: shared(open(), inCommon) });
  const fetch = createFetch({
    use: [observe((event) => events.push(event)), policy],
    fetch: async () => {
      starts.push(performance.now());
      return respond();
    },
  });
  return { starts, events, call: () => fetch(url) };
}

async function load(call: () => Promise<Response>, count: number, ms: number): Promise<void> {
  const end = performance.now() + ms;
  const loop = async (): Promise<void> => {
    while (performance.now() < end) await call();
  };
  await Promise.all(Array.from({ length: count }, loop));
}

function most(starts: readonly number[], window: number): number {
  return Math.max(...starts.map((end) => starts.filter((start) => start <= end && start > end - window).length));
}

describe('limits that processes of one machine share in a file', () => {
  test('keep a rate', async () => {
    const members = [1, 2, 3].map(() => member({ rate: { count: 50, window: 1_000 } }));
    await Promise.all(members.map(({ call }) => load(call, 5, 2_200)));
    const starts = members.flatMap(({ starts }) => starts);
    // One slice is 2 starts, and one of each process may be late: here they have one event loop.
    expect(most(starts, 1_000)).toBeLessThanOrEqual(50 + 2 + 3 * 2);
    expect(starts.length).toBeGreaterThan(60);
    expect(members.flatMap(({ events }) => events).filter(({ type }) => type === 'limit.local')).toEqual([]);
  }, 20_000);

  test('keep the number of calls at a time, and let each process run', async () => {
    let [running, highest] = [0, 0];
    const respond = async (): Promise<Response> => {
      highest = Math.max(highest, (running += 1));
      await delayed(undefined, 20);
      running -= 1;
      return new Response(null);
    };
    const members = [1, 2, 3].map(() => member({ concurrency: 4 }, respond));
    await Promise.all(members.map(({ call }) => load(call, 6, 2_000)));
    expect(highest).toBe(4);
    for (const { starts } of members) expect(starts.length).toBeGreaterThan(10);
  }, 20_000);

  test('free the permits of a process that vanished after its lease', async () => {
    const gone = member({ concurrency: 1 }, () => new Promise(() => {}), { lease: 600 });
    const waiting = member({ concurrency: 1 }, undefined, { lease: 600 });
    void gone.call();
    await delayed(undefined, 200);
    await stores[0]!.close();
    const started = performance.now();
    await waiting.call();
    expect(performance.now() - started).toBeGreaterThan(100);
    expect(performance.now() - started).toBeLessThan(3_000);
  }, 20_000);

  test('leave the rows of others, and start within the share of the process', async () => {
    await open().set(`kyoa:rate 0 ${url.slice(0, -1)}`, 'of another application');
    const { call, events } = member({ rate: { count: 100, window: 1_000 } });
    await call();
    const local = events.find((event) => event.type === 'limit.local');
    expect(local?.error).toMatchObject({ code: 'STORAGE', message: expect.stringContaining('choose another prefix') });
    expect((await open().get(`kyoa:rate 0 ${url.slice(0, -1)}`))?.value).toBe('of another application');
  }, 20_000);

  test('refuse what is no storage, and options that are none', () => {
    expect(() => shared({} as never)).toThrow('shared storage must be a storage');
    expect(() => shared(open(), { slices: 1 } as never)).toThrow('shared has no option slices');
    expect(() => shared(open(), { prefix: '' })).toThrow('shared prefix must be a string that is not empty');
  });
});
