import { describe, expect, test } from 'vitest';
import { drawFate, isExecuted } from '../../../playground/network/fate.ts';
import type { Fate } from '../../../playground/network/fate.ts';
import { presets } from '../../../playground/network/presets.ts';
import { mulberry32 } from '../../../playground/network/random.ts';
import { change } from '../../../playground/network/settings.ts';
import type { Patch } from '../../../playground/network/settings.ts';

describe('drawFate', () => {
  test('draws the same script from the same seed', () => {
    expect(script({ seed: 5 })).toEqual(script({ seed: 5 }));
    expect(script({ seed: 5 })).not.toEqual(script({ seed: 6 }));
  });

  test('draws the same good responses with any error rate', () => {
    const calm = script({ errors: { rate: 0 }, resets: 0, stalls: 0 });
    const rough = script({ errors: { rate: 0.3 }, resets: 0.1, stalls: 0.1 });
    const survivors = rough.filter(({ outcome }) => outcome === 'answered');
    expect(survivors.length).toBeLessThan(calm.length);
    expect(calm).toEqual(expect.arrayContaining(survivors));
    expect(rough.map((fate, i) => (fate.outcome === 'answered' ? fate : calm[i]))).toEqual(calm);
  });

  test('draws failures at the given rates', () => {
    const fates = script({ errors: { rate: 0.04 }, resets: 0.02, stalls: 0.004 }, 20_000);
    expect(share(fates, 'failed')).toBeCloseTo(0.04, 2);
    expect(share(fates, 'reset')).toBeCloseTo(0.02, 2);
    expect(share(fates, 'stalled')).toBeCloseTo(0.004, 2);
  });

  test('draws broken bodies at the given rate, and leaves every other fate as it was', () => {
    const [whole, broken] = [script({}, 20_000), script({ cuts: 0.3 }, 20_000)];
    const share = (fates: readonly Fate[], outcome: Fate['outcome']): number =>
      fates.filter((fate) => fate.outcome === outcome).length;
    expect(share(broken, 'cut') / share(whole, 'answered')).toBeCloseTo(0.3, 1);
    const mended = broken.map((fate) => {
      if (fate.outcome !== 'cut') return fate;
      const { after: _, ...sent } = fate;
      return { ...sent, outcome: 'answered' };
    });
    expect(mended).toEqual(whole);
    const shares = broken.flatMap((fate) => (fate.outcome === 'cut' ? [fate.after] : []));
    expect(Math.min(...shares)).toBeGreaterThanOrEqual(0.2);
    expect(Math.max(...shares)).toBeLessThanOrEqual(0.8);
  });

  test('draws latencies with the given median, and the slow share far above it', () => {
    const latency = { median: 20, sigma: 0.5, slow: { share: 0.02, factor: 100 } };
    const delays = script({ latency, errors: { rate: 0 }, resets: 0, stalls: 0 }, 10_000)
      .map((fate) => ('delay' in fate ? fate.delay : 0))
      .toSorted((a, b) => a - b);
    expect(delays[5_000]).toBeCloseTo(20, -1);
    expect(delays.filter((delay) => delay > 400).length / 10_000).toBeCloseTo(0.02, 2);
  });

  test('draws no delay that a timer cannot hold', () => {
    const latency = { median: 10_000, sigma: 3, slow: { share: 1, factor: 1_000 } };
    const delays = script({ latency }).map((fate) => ('delay' in fate ? fate.delay : 0));
    expect(Math.max(...delays)).toBeLessThan(2 ** 31);
  });

  test('draws a refusal for each request in an outage, and continues the script after it', () => {
    const random = mulberry32(1);
    const { settings } = presets['flaky']!;
    const during = Array.from({ length: 10 }, () => drawFate({ ...settings, outage: true }, random));
    expect(during.every(({ outcome }) => outcome === 'refused')).toBe(true);
    expect(drawFate(settings, random)).toEqual(script({}, 11).at(-1));
  });

  test('draws each listed status', () => {
    const fates = script({ errors: { rate: 1, statuses: [500, 502, 504] }, resets: 0, stalls: 0 });
    const statuses = new Set(fates.map((fate) => (fate.outcome === 'failed' ? fate.status : undefined)));
    expect(statuses).toEqual(new Set([500, 502, 504]));
  });
});

describe('isExecuted', () => {
  test('is true if the work was done before the response was lost', () => {
    expect(isExecuted({ outcome: 'answered', delay: 0, drips: false })).toBe(true);
    expect(isExecuted({ outcome: 'stalled' })).toBe(true);
    expect(isExecuted({ outcome: 'cut', delay: 0, drips: false, after: 0.5 })).toBe(true);
    expect(isExecuted({ outcome: 'reset', delay: 0, executed: true })).toBe(true);
    expect(isExecuted({ outcome: 'reset', delay: 0, executed: false })).toBe(false);
    expect(isExecuted({ outcome: 'failed', delay: 0, status: 503 })).toBe(false);
    expect(isExecuted({ outcome: 'refused' })).toBe(false);
  });
});

function script(patch: Patch, length = 500): Fate[] {
  const settings = change(presets['flaky']!.settings, patch);
  const random = mulberry32(settings.seed);
  return Array.from({ length }, () => drawFate(settings, random));
}

function share(fates: readonly Fate[], outcome: Fate['outcome']): number {
  return fates.filter((fate) => fate.outcome === outcome).length / fates.length;
}
