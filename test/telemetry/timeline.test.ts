import { afterEach, describe, expect, test, vi } from 'vitest';
import {
  constant,
  createFetch,
  limit,
  observe,
  retry,
  timeline,
  type KyoaEvent,
  type Middleware,
} from '../../src/index.ts';
import { silent } from '../support/call.ts';
import { networkError, responseOf } from '../support/http.ts';
import { settled } from '../support/origin.ts';
import { outcomeOf } from '../support/promises.ts';

const url = 'http://api.example/users';
const again = retry({ retries: 2, backoff: constant(5), budget: false });

afterEach(() => performance.clearMeasures());

interface Devtools {
  readonly track: string;
  readonly color: string;
  readonly tooltipText: string;
  readonly properties: readonly (readonly [string, string])[];
}

/** The entries in the order of their ends. */
function entries() {
  return performance
    .getEntriesByType('measure')
    .map((entry) => ({ entry, ...((entry as PerformanceMeasure).detail as { devtools: Devtools }).devtools }))
    .toSorted((a, b) => a.entry.startTime + a.entry.duration - b.entry.startTime - b.entry.duration);
}

function fetchOver(responses: readonly (number | Error)[], use: readonly Middleware[] = [again]) {
  const left = [...responses];
  return createFetch({
    use: [observe(timeline()), ...use],
    fetch: async () => {
      const next = left.length > 1 ? left.shift()! : left[0]!;
      if (next instanceof Error) throw next;
      return responseOf(next);
    },
  });
}

describe('timeline', () => {
  test('has an entry for the call, for each attempt and for each pause between them', async () => {
    await fetchOver([networkError('ECONNRESET'), 503, 200])(`${url}?token=hunter2`, { requestId: 'order-42' });
    const name = '#1 GET http://api.example/users?token=REDACTED';
    expect(entries().map(({ entry, track, color, tooltipText }) => [entry.name, track, color, tooltipText])).toEqual([
      [`${name}: attempt 1`, 'attempts', 'error', 'ECONNRESET'],
      [`${name}: pause before retry 1`, 'pauses', 'tertiary', 'pause before retry 1'],
      [`${name}: attempt 2`, 'attempts', 'error', '503'],
      [`${name}: pause before retry 2`, 'pauses', 'tertiary', 'pause before retry 2'],
      [`${name}: attempt 3`, 'attempts', 'secondary-light', '200'],
      [name, 'calls', 'primary', '200'],
    ]);
    expect(entries().at(-1)!.properties).toEqual([
      ['status', '200'],
      ['attempts', '3'],
      ['id', 'order-42'],
    ]);
  });

  test('has entries that begin and end within their call, one after the other', async () => {
    await fetchOver([503, 200])(url);
    const all = entries().map(({ entry: { startTime, duration } }) => ({
      start: startTime,
      end: startTime + duration,
    }));
    const whole = all.at(-1)!;
    for (const [index, { start, end }] of all.slice(0, -1).entries()) {
      expect(start).toBeGreaterThanOrEqual(index === 0 ? whole.start - 1 : all[index - 1]!.end - 1);
      expect(end).toBeLessThanOrEqual(whole.end);
    }
  });

  test('shows the time in a queue', async () => {
    const fetch = fetchOver([200], [limit({ concurrency: 1 })]);
    await Promise.all([1, 2].map(async () => (await fetch(url)).text()));
    expect(
      entries()
        .filter(({ track }) => track === 'pauses')
        .map(({ entry }) => entry.name),
    ).toEqual([`#2 GET ${url}: queue of limit`]);
  });

  test('shows a call that fails, and one that is aborted', async () => {
    const controller = new AbortController();
    const failed = fetchOver([new Error('x')], []);
    await outcomeOf(failed(url));
    const aborted = createFetch({ use: [observe(timeline())], fetch: silent });
    const call = outcomeOf(aborted(url, { signal: controller.signal }));
    controller.abort();
    await call;
    await settled();
    const calls = entries().filter(({ track }) => track === 'calls');
    expect(calls.map(({ color, tooltipText }) => [color, tooltipText])).toEqual([
      ['error', 'Error'],
      ['primary', 'aborted'],
    ]);
  });

  test('keeps the newest entries, and clears the others', async () => {
    const fetch = createFetch({ use: [observe(timeline({ keep: 4 }))], fetch: async () => responseOf(200) });
    for (let n = 0; n < 50; n += 1) await fetch(url);
    expect(new Set(entries().map(({ entry }) => entry.name))).toEqual(
      new Set(['#49', '#50'].flatMap((number) => [`${number} GET ${url}`, `${number} GET ${url}: attempt 1`])),
    );
  });

  test('remembers 1,000 calls at most, also of those that never end', () => {
    const listener = timeline();
    const event = (type: string, id: number, facts: object = {}): KyoaEvent =>
      ({ type, id: String(id), method: 'GET', url, time: 0, ...facts }) as never;
    for (let id = 1; id <= 1_001; id += 1) listener(event('request.started', id));
    for (const id of [1, 2]) listener(event('request.settled', id, { status: 200, duration: 1, attempts: 1 }));
    expect(entries().map(({ entry }) => entry.name)).toEqual([`#2 GET ${url}`]);
  });

  test('does nothing where the platform has no User Timing', async () => {
    const reported = vi.spyOn(console, 'error').mockImplementation(() => {});
    vi.stubGlobal('performance', { now: () => 0 });
    try {
      expect((await fetchOver([200])(url)).status).toBe(200);
      expect(reported).not.toHaveBeenCalled();
    } finally {
      vi.unstubAllGlobals();
      reported.mockRestore();
    }
    expect(entries()).toEqual([]);
  });

  test('refuses to keep no entry', () => {
    expect(() => timeline({ keep: 0 })).toThrow(/timeline keep must be a whole number of 1 or more/);
  });
});
