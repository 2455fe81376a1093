import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import {
  weightedRandom,
  powerOfTwoChoices,
  leastTriedNearest,
  type Candidate,
} from '../../../src/middleware/endpoints/load-balancer.ts';

const candidate = (facts: Partial<Candidate> = {}): Candidate => ({
  weight: 1,
  zone: undefined,
  inFlight: 0,
  latency: undefined,
  lastUsed: performance.now(),
  ...facts,
});
const weights = fc.array(fc.double({ min: 0.001, max: 1_000, noNaN: true }), { minLength: 1, maxLength: 8 });
const draw = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

describe('weightedRandom', () => {
  test('gives each endpoint the part of [0, 1) that is its share of the weights', () => {
    fc.assert(
      fc.property(weights, draw, (all, at) => {
        const list = all.map((weight) => candidate({ weight }));
        const total = all.reduce((sum, weight) => sum + weight, 0);
        const before = all
          .slice(0, list.indexOf(weightedRandom(list, () => at)))
          .reduce((sum, weight) => sum + weight, 0);
        const { weight } = weightedRandom(list, () => at);
        expect(at * total).toBeGreaterThanOrEqual(before - 1e-6);
        expect(at * total).toBeLessThanOrEqual(before + weight + 1e-6);
      }),
    );
  });
});

describe('powerOfTwoChoices', () => {
  test('never takes the slowest endpoint when all latencies differ', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.integer({ min: 1, max: 10_000 }), { minLength: 2, maxLength: 8 }),
        draw,
        draw,
        (all, x, y) => {
          const lastUsed = performance.now();
          const list = all.map((latency) => candidate({ latency, lastUsed }));
          const draws = [x, y];
          expect(powerOfTwoChoices(list, () => draws.shift()!).latency).toBeLessThan(Math.max(...all));
        },
      ),
    );
  });

  test.each([
    ['the endpoint with fewer calls', candidate({ latency: 10, inFlight: 4 }), candidate({ latency: 30 })],
    ['an idle endpoint of unknown latency', candidate({ latency: 1 }), candidate()],
    [
      'the endpoint of known latency while another of unknown latency has a call',
      candidate({ inFlight: 1 }),
      candidate({ latency: 5_000 }),
    ],
    ['the less busy of two endpoints of unknown latency', candidate({ inFlight: 3 }), candidate({ inFlight: 2 })],
    ['the endpoint with more weight', candidate({ latency: 10 }), candidate({ latency: 20, weight: 4 })],
    [
      'the endpoint whose high latency is old',
      candidate({ latency: 10 }),
      candidate({ latency: 90, lastUsed: performance.now() - 60_000 }),
    ],
  ])('takes %s', (_name, other, better) => {
    expect(powerOfTwoChoices([other, better], Math.random)).toBe(better);
    expect(powerOfTwoChoices([better, other], Math.random)).toBe(better);
    expect(powerOfTwoChoices([better], Math.random)).toBe(better);
  });
});

describe('leastTriedNearest', () => {
  const [eu, us, none] = [candidate({ zone: 'eu' }), candidate({ zone: 'us' }), candidate()];

  test('takes the endpoints with the fewest tries, then those of the first zone, with zones that are not listed last', () => {
    const list = [none, us, eu];
    const tried =
      (...members: readonly Candidate[]) =>
      (one: Candidate) =>
        members.filter((other) => other === one).length;
    expect(leastTriedNearest(list, tried(), ['eu', 'us'])).toEqual([eu]);
    expect(leastTriedNearest(list, tried(eu), ['eu', 'us'])).toEqual([us]);
    expect(leastTriedNearest(list, tried(eu, us), ['eu', 'us'])).toEqual([none]);
    expect(leastTriedNearest(list, tried(eu, us, none), ['eu', 'us'])).toEqual([eu]);
    expect(leastTriedNearest(list, tried(), ['us'])).toEqual([us]);
    expect(leastTriedNearest(list, tried(us), ['us'])).toEqual([none, eu]);
    expect(leastTriedNearest(list, tried(), [])).toEqual(list);
  });
});
