/** `timeline` and `explain` in Chromium, which shows tracks of User Timing and groups of the console. */
import { afterEach, describe, expect, inject, test, vi } from 'vitest';
import { constant, createFetch, explain, observe, retry, timeline } from '../../src/index.ts';

const origins = inject('origins');
const again = retry({ retries: 1, backoff: constant(20), budget: false });
const path = (): string => `${origins.origin}/sequence?steps=503,ok&id=${crypto.randomUUID()}`;

afterEach(() => {
  performance.clearMeasures();
  vi.restoreAllMocks();
});

describe('in Chromium', () => {
  test('timeline writes the entries that the performance panel shows as tracks', async () => {
    await (await createFetch({ use: [observe(timeline()), again] })(path())).text();
    const measures = performance.getEntriesByType('measure') as PerformanceMeasure[];
    const details = measures.map(({ detail }) => (detail as { devtools: Record<string, unknown> }).devtools);
    expect(details.map(({ track }) => String(track)).sort()).toEqual(['attempts', 'attempts', 'calls', 'pauses']);
    for (const { dataType, trackGroup } of details) expect([dataType, trackGroup]).toEqual(['track-entry', 'kyoa']);
    const pause = measures.find(({ name }) => name.endsWith('pause before retry 1'))!;
    expect(pause.duration).toBeGreaterThan(15);
  });

  test('explain writes a group for a call with several lines', async () => {
    const written: string[] = [];
    for (const method of ['groupCollapsed', 'log', 'groupEnd'] as const)
      vi.spyOn(console, method).mockImplementation((text: unknown) => void written.push(`${method} ${String(text)}`));
    await (await createFetch({ use: [observe(explain()), again] })(path())).text();
    vi.restoreAllMocks();
    expect(written.map((line) => line.split(' ')[0])).toEqual(['groupCollapsed', 'log', 'log', 'groupEnd']);
    expect(written[1]).toMatch(/^log #1 GET 127\.0\.0\.1\S+: 503 after \d+ ms, retry 1 in 20 ms$/);
    expect(written[2]).toMatch(/: 200 after 2 attempts in \d+ ms$/);
  });
});
