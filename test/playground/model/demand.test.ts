import { describe, expect, test } from 'vitest';

import { usualStack } from '../../../playground/model/configuration.ts';
import { keysFor, pathOf } from '../../../playground/model/demand.ts';
import { addLayer, withLayer } from '../../../playground/model/with-layer.ts';

const paths = (hot: number, items: number): string[] =>
  Array.from({ length: 1_000 }, (_, n) => pathOf(n, { hot, items }));

describe('the demand', () => {
  test('asks for another item with each call, unless calls are hot', () => {
    expect(new Set(paths(0, 5)).size).toBe(1_000);
  });

  test('asks for one of the hot items with a share of the calls, and more often for the first ones', () => {
    const hot = paths(0.3, 4).filter((path) => path.includes('hot'));
    expect(hot.length).toBeGreaterThan(280);
    expect(hot.length).toBeLessThan(320);
    const counts = [1, 2, 3, 4].map((item) => hot.filter((path) => path.endsWith(`hot-${item}`)).length);
    expect(counts).toEqual(counts.toSorted((a, b) => b - a));
    expect(counts.at(-1)).toBeGreaterThan(0);
  });

  test('leaves the key of a staleIfError that has one of its own', () => {
    const stack = withLayer(usualStack, 'staleIfError');
    const own = stack.map((entry) =>
      entry.policy === 'staleIfError' ? { ...entry, options: { key: 'byRoute' } } : entry,
    );
    expect(Object.keys(keysFor(stack))).toEqual(['dedupe', 'staleIfError']);
    expect(Object.keys(keysFor(own))).toEqual(['dedupe']);
  });
});

describe('withLayer', () => {
  const names = (stack: ReturnType<typeof withLayer>): string[] => stack.map(({ policy }) => policy);

  test('inserts a policy at its usual place', () => {
    expect(names(withLayer(usualStack, 'latest')).indexOf('latest')).toBe(1);
    expect(names(withLayer(usualStack, 'fallback')).indexOf('fallback')).toBe(0);
    expect(names(withLayer([], 'limit'))).toEqual(['limit']);
  });

  test('gives a second timeout its place inside retry, and a limit of its own', () => {
    const twice = addLayer(withLayer(withLayer([], 'retry'), 'timeout'), 'timeout');
    expect(twice.map(({ id, options }) => [id, options])).toEqual([
      ['timeout', { total: 5_000 }],
      ['retry', {}],
      ['timeout-2', { headers: 1_000 }],
    ]);
    const regional = addLayer(withLayer(withLayer([], 'endpoints'), 'timeout'), 'timeout');
    expect(names(regional)).toEqual(['timeout', 'timeout', 'endpoints']);
  });

  test('enables a layer that the stack has', () => {
    const stack = withLayer(usualStack, 'endpoints');
    expect(names(stack)).toEqual(names(usualStack));
    expect(stack.find(({ policy }) => policy === 'endpoints')!.on).toBe(true);
  });
});
