import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { memory, type Storage } from '../../../src/index.ts';
import { flush, latencyHistory } from '../../../src/lib/latency/history.ts';

const stored = async (storage: Storage, name: string): Promise<unknown> =>
  JSON.parse((await storage.get(`latency ${name}`))?.value ?? 'null');

/** The storage as another tab or process sees it: another object with the same entries. */
const another = (storage: Storage): Storage => ({ ...storage });

const settled = (): Promise<void> => vi.advanceTimersByTimeAsync(0).then(() => undefined);

describe('the latency history', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    expect(vi.getTimerCount()).toBe(0);
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  test('is one per storage', () => {
    const storage = memory();
    expect(latencyHistory(storage)).toBe(latencyHistory(storage));
    expect(latencyHistory(storage)).not.toBe(latencyHistory(memory()));
  });

  test('is written within a second after the last sample', async () => {
    const storage = memory();
    const series = latencyHistory(storage).series('total', 'GET /', 10);
    series.add(5);
    series.add(7);
    await settled();
    expect(await stored(storage, 'total GET /')).toBeNull();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await stored(storage, 'total GET /')).toEqual([5, 7]);
  });

  test('is written every few seconds under a steady load', async () => {
    const storage = memory();
    const set = vi.spyOn(storage, 'set');
    const series = latencyHistory(storage).series('total', 'GET /', 10);
    for (let second = 0; second < 60; second += 1) {
      for (let sample = 0; sample < 10; sample += 1) {
        series.add(second);
        await vi.advanceTimersByTimeAsync(100);
      }
    }
    expect(set.mock.calls.length).toBeGreaterThanOrEqual(9);
    expect(set.mock.calls.length).toBeLessThanOrEqual(13);
    await vi.advanceTimersByTimeAsync(1_000);
  });

  test.each(['hello', '[1,2', '{"a":1}', '[1,"x",null,2]', 'null'])(
    'leaves the entry %s, which it did not write, and keeps its samples in memory',
    async (value) => {
      const storage = memory();
      const version = await storage.set('latency total GET /', value);
      const series = latencyHistory(storage).series('total', 'GET /', 10);
      series.add(5);
      await flush(storage);
      expect(series.window.samples).toEqual([5]);
      expect(await storage.get('latency total GET /')).toEqual({ value, version });
    },
  );

  test('is written when flush() resolves', async () => {
    const storage = memory();
    const { series } = latencyHistory(storage);
    series('total', 'a', 10).add(1);
    series('total', 'b', 10).add(2);
    await flush(storage);
    expect([await stored(storage, 'total a'), await stored(storage, 'total b')]).toEqual([[1], [2]]);
    series('total', 'a', 10).add(3);
    await Promise.all([flush(storage), flush(storage)]);
    expect(await stored(storage, 'total a')).toEqual([1, 3]);
    await flush(memory()); // nothing to write, nothing to wait for
  });

  test('is written when the page is hidden, and leaves no listener', async () => {
    const listeners = new Set<() => void>();
    const target = (wanted: string) => ({
      addEventListener: (type: string, listener: () => void) => type === wanted && listeners.add(listener),
      removeEventListener: (_type: string, listener: () => void) => listeners.delete(listener),
    });
    vi.stubGlobal('document', target('visibilitychange'));
    for (const [verb, run] of Object.entries(target('pagehide'))) vi.stubGlobal(verb, run);
    const storage = memory();
    latencyHistory(storage).series('total', 'GET /', 10).add(9);
    await settled();
    expect(listeners.size).toBe(1);
    for (const listener of listeners) listener();
    await settled();
    expect(await stored(storage, 'total GET /')).toEqual([9]);
    expect(listeners.size).toBe(0);
  });

  test('begins with the stored samples, and loads them once', async () => {
    const storage = memory();
    await storage.set('latency total GET /', '[1,2,3]');
    const get = vi.spyOn(storage, 'get');
    const { series } = latencyHistory(storage);
    expect(series('total', 'GET /', 10).window.samples).toEqual([]);
    await settled();
    series('total', 'GET /', 10);
    expect(series('total', 'GET /', 10).window.samples).toEqual([1, 2, 3]);
    expect(get).toHaveBeenCalledTimes(1);
  });

  test('puts samples that came during the load behind the loaded ones', async () => {
    const storage = memory();
    await storage.set('latency total GET /', '[1,2,3]');
    const series = latencyHistory(storage).series('total', 'GET /', 4);
    series.add(10);
    series.add(11);
    await settled();
    expect(series.window.samples).toEqual([2, 3, 10, 11]);
    expect(series.window.quantile(1)).toBe(11);
    await flush(storage);
    expect(await stored(storage, 'total GET /')).toEqual([2, 3, 10, 11]);
  });

  test('has each sample once that came during the load', async () => {
    const storage = memory();
    await storage.set('latency total GET /', '[1,2,3]');
    const series = latencyHistory(storage).series('total', 'GET /', 10);
    series.add(10);
    await settled();
    expect(series.window.samples).toEqual([1, 2, 3, 10]);
    await flush(storage);
  });

  test('begins with the stored samples at the next write if they could not be loaded', async () => {
    const storage = memory();
    await storage.set('latency total GET /', '[1,2,3]');
    vi.spyOn(storage, 'get').mockReturnValueOnce(new Promise(() => {})); // its request has ended
    const series = latencyHistory(storage).series('total', 'GET /', 10);
    series.add(10);
    await flush(storage);
    expect(series.window.samples).toEqual([1, 2, 3, 10]);
    expect(await stored(storage, 'total GET /')).toEqual([1, 2, 3, 10]);
  });

  describe('on Workers', () => {
    beforeEach(() => {
      vi.stubGlobal('WebSocketPair', vi.fn<() => void>());
    });

    test('is written by a later request if the one that was to write it has ended', async () => {
      const storage = memory();
      const series = latencyHistory(storage).series('total', 'GET /', 10);
      series.add(1);
      vi.clearAllTimers();
      series.add(2);
      await vi.advanceTimersByTimeAsync(11_000);
      const background = vi.fn<(work: Promise<unknown>) => void>();
      series.add(3, { background });
      await vi.advanceTimersByTimeAsync(1_000);
      await background.mock.calls[0]![0];
      expect(await stored(storage, 'total GET /')).toEqual([1, 2, 3]);
    });

    test('is written without waiting for the write of another request', async () => {
      const storage = memory();
      const series = latencyHistory(storage).series('total', 'GET /', 10);
      vi.spyOn(storage, 'get').mockReturnValueOnce(new Promise(() => {}));
      series.add(1);
      await vi.advanceTimersByTimeAsync(1_000); // this write never ends
      series.add(2);
      await vi.advanceTimersByTimeAsync(1_000);
      expect(await stored(storage, 'total GET /')).toEqual([2]);
    });
  });

  test('appends to the samples of another tab or process, also of a concurrent one', async () => {
    const storage = memory();
    const mine = latencyHistory(storage).series('total', 'GET /', 100);
    const other = another(storage);
    const theirs = latencyHistory(other).series('total', 'GET /', 100);
    await settled();
    for (let sample = 0; sample < 10; sample += 1) {
      mine.add(sample);
      theirs.add(100 + sample);
    }
    await Promise.all([flush(storage), flush(other)]);
    const all = (await stored(storage, 'total GET /')) as number[];
    expect(all.toSorted((a, b) => a - b)).toEqual([
      0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 100, 101, 102, 103, 104, 105, 106, 107, 108, 109,
    ]);
  });

  test('keeps at most 1,000 routes in memory, and deletes the least recently used one', async () => {
    const storage = memory();
    const { series } = latencyHistory(storage);
    const first = series('total', 'route 0', 10);
    for (let route = 1; route < 1_000; route += 1) series('total', `route ${route}`, 10);
    expect(series('total', 'route 0', 10)).toBe(first);
    series('total', 'route 1000', 10);
    expect(series('total', 'route 0', 10)).toBe(first);
    const second = series('total', 'route 1', 10);
    second.add(1);
    expect(second.window.size).toBe(1);
    for (let route = 2_000; route < 3_000; route += 1) series('total', `route ${route}`, 10);
    expect(series('total', 'route 0', 10)).not.toBe(first);
    await flush(storage);
    expect(await stored(storage, 'total route 1')).toEqual([1]); // deleted from memory, not from the storage
  });
});
