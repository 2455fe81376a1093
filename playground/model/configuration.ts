/** The initial configuration of the page. */
import { presets } from '../network/presets.ts';
import type { Settings } from '../network/settings.ts';
import type { Configuration, Stack } from './types.ts';

/** kyoa's standard stack with `hedge`, and with idempotency records in IndexedDB. `endpoints` is present but disabled. */
export const usualStack: Stack = [
  { id: 'total', policy: 'timeout', on: true, options: { total: 5_000 } },
  { id: 'dedupe', policy: 'dedupe', on: true, options: {} },
  { id: 'idempotency', policy: 'idempotency', on: true, options: { storage: 'indexeddb' } },
  { id: 'retry', policy: 'retry', on: true, options: {} },
  { id: 'hedge', policy: 'hedge', on: true, options: {} },
  { id: 'breaker', policy: 'breaker', on: true, options: {} },
  {
    id: 'attempt',
    policy: 'timeout',
    on: true,
    options: {
      'headers.kind': 'p99',
      'headers.factor': 2,
      'headers.min': 200,
      'headers.max': 2_500,
      'headers.minSamples': 20,
    },
  },
  { id: 'endpoints', policy: 'endpoints', on: false, options: {} },
];

export const usual: Configuration = {
  preset: 'flaky',
  settings: presets['flaky']!.settings,
  rate: 40,
  stack: usualStack,
};

/** The range of the rate, in calls a second. */
export const slowest = 1;
export const fastest = 200;

/** Omits a seed that has not changed, because every seed that the network receives restarts the sequences of fates. */
export function withoutSeed(settings: Settings, before: number): Partial<Settings> {
  const { seed, ...others } = settings;
  return seed === before ? others : settings;
}

/** Compares configurations, or settings; the seed of settings does not matter. */
export function isSame(one: object, other: object): boolean {
  return JSON.stringify({ ...one, seed: 0 }) === JSON.stringify({ ...other, seed: 0 });
}
