import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { budget, type Budget } from '../../src/lib/budget.ts';

const windows = fc.constantFrom(100, 1_000, 10_000);

/** Steps in the life of a budget: time passes, then there are calls, then extra requests are wanted. */
const schedule = fc.array(
  fc.record({
    pause: fc.oneof(fc.constant(0), fc.nat(200), fc.nat(3_000)),
    deposits: fc.oneof(fc.constant(0), fc.nat(40)),
    wanted: fc.oneof(fc.constant(0), fc.nat(60)),
  }),
  { minLength: 1, maxLength: 60 },
);

/** When each deposit and each withdrawal was made. */
interface Ledger {
  readonly deposits: number[];
  readonly withdrawals: number[];
}

function within(moments: readonly number[], from: number, to: number): number {
  return moments.filter((at) => at > from && at <= to).length;
}

function drain(purse: Budget): number {
  let taken = 0;
  while (purse.withdraw()) taken += 1;
  return taken;
}

function fill(purse: Budget, calls: number): void {
  for (let call = 0; call < calls; call += 1) purse.deposit();
}

describe('budget', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    expect(vi.getTimerCount()).toBe(0);
    vi.useRealTimers();
  });

  test('grants a fifth of the calls and ten a second by default, over ten seconds', () => {
    const purse = budget();
    expect(purse.balance).toBe(100);
    fill(purse, 1_000);
    expect(purse.balance).toBe(300);
    expect(drain(purse)).toBe(300);
    vi.advanceTimersByTime(10_000);
    expect(drain(purse)).toBe(100);
  });

  test('refuses an extra request by returning false when it is exhausted', () => {
    const purse = budget({ ratio: 0, floor: 0 });
    purse.deposit();
    expect(purse.withdraw()).toBe(false);
    expect(purse.balance).toBe(0);
  });

  test('grants the floor to a client without calls', () => {
    expect(drain(budget({ ratio: 0, floor: 2, window: 5_000 }))).toBe(10);
  });

  test('grants nothing without calls when there is no floor', () => {
    const purse = budget({ ratio: 1, floor: 0 });
    expect(purse.withdraw()).toBe(false);
    purse.deposit();
    expect(purse.withdraw()).toBe(true);
    expect(purse.withdraw()).toBe(false);
  });

  test('grants one extra request for ten calls at a ratio of 0.1, though ten times 0.1 is not 1', () => {
    const purse = budget({ ratio: 0.1, floor: 0 });
    for (let round = 1; round <= 50; round += 1) {
      fill(purse, 9);
      expect(purse.withdraw()).toBe(false);
      purse.deposit();
      expect(purse.balance).toBe(1);
      expect(purse.withdraw()).toBe(true);
    }
  });

  test('has a balance of 0 or more, also when deposits expire before the withdrawals that they allowed', () => {
    const purse = budget({ ratio: 1, floor: 0, window: 1_000 });
    purse.deposit();
    vi.advanceTimersByTime(900);
    expect(purse.withdraw()).toBe(true);
    vi.advanceTimersByTime(100);
    expect(purse.balance).toBe(0);
    purse.deposit();
    expect(purse.balance).toBe(0);
  });

  test('forgets calls that are older than the window', () => {
    const purse = budget({ ratio: 1, floor: 0, window: 1_000 });
    fill(purse, 5);
    vi.advanceTimersByTime(899);
    expect(purse.balance).toBe(5);
    vi.advanceTimersByTime(101);
    expect(purse.balance).toBe(0);
  });

  test('is whole again when a window has passed without calls', () => {
    fc.assert(
      fc.property(windows, fc.integer({ min: 1, max: 1e9 }), (window, more) => {
        const purse = budget({ ratio: 0.2, floor: 10, window });
        const whole = purse.balance;
        fill(purse, 100);
        drain(purse);
        vi.advanceTimersByTime(window + more);
        expect(purse.balance).toBe(whole);
        expect(drain(purse)).toBe(whole);
      }),
    );
  });

  test('has a balance that equals the number of possible withdrawals', () => {
    fc.assert(
      fc.property(schedule, fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(20), (steps, ratio, floor) => {
        const purse = budget({ ratio, floor, window: 1_000 });
        for (const { pause, deposits, wanted } of steps) {
          vi.advanceTimersByTime(pause);
          fill(purse, deposits);
          for (let want = 0; want < wanted; want += 1) {
            const before = purse.balance;
            expect(before).toBeGreaterThanOrEqual(0);
            expect(purse.withdraw()).toBe(before >= 1);
            if (before >= 1) expect(purse.balance).toBe(before - 1);
          }
        }
      }),
    );
  });

  describe('a wait', () => {
    /** Waits in the given order; the list has the names of those that were granted. */
    const line = (purse: Budget, ...names: string[]): { granted: string[]; leave: (() => void)[] } => {
      const granted: string[] = [];
      return { granted, leave: names.map((name) => purse.wait!(() => granted.push(name))) };
    };

    test('ends with a deposit that is enough, in the order of waiting', () => {
      const purse = budget({ ratio: 0.5, floor: 0 });
      const { granted } = line(purse, 'a', 'b');
      purse.deposit();
      expect(granted).toEqual([]);
      fill(purse, 2);
      expect(granted).toEqual(['a']);
      purse.deposit();
      expect(granted).toEqual(['a', 'b']);
      expect(purse.balance).toBe(0);
    });

    test('ends when the floor grants it, without a call', () => {
      const purse = budget({ ratio: 0, floor: 2, window: 1_000 });
      drain(purse);
      const { granted } = line(purse, 'a', 'b', 'c');
      vi.advanceTimersByTime(899);
      expect(granted).toEqual([]);
      vi.advanceTimersByTime(101);
      expect(granted).toEqual(['a', 'b']);
      vi.advanceTimersByTime(1_000);
      expect(granted).toEqual(['a', 'b', 'c']);
    });

    test('ends at once if the budget is not exhausted', () => {
      const { granted } = line(budget({ ratio: 0, floor: 1 }), 'a');
      expect(granted).toEqual(['a']);
    });

    test('comes before a withdrawal that is tried later', () => {
      const purse = budget({ ratio: 1, floor: 0, window: 1_000 });
      const { granted, leave } = line(purse, 'a', 'b');
      purse.deposit();
      expect([granted, purse.withdraw()]).toEqual([['a'], false]);
      leave[1]!();
      purse.deposit();
      expect([granted, purse.withdraw()]).toEqual([['a'], true]);
    });

    test('that is given up takes nothing, and leaves no timer', () => {
      const purse = budget({ ratio: 1, floor: 0 });
      const { granted, leave } = line(purse, 'a', 'b');
      leave.forEach((leave) => leave());
      leave.forEach((leave) => leave());
      expect(vi.getTimerCount()).toBe(0);
      purse.deposit();
      expect([granted, purse.balance]).toEqual([[], 1]);
    });

    test('may be one of several with the same function', () => {
      const purse = budget({ ratio: 1, floor: 0 });
      const granted = vi.fn();
      for (let waits = 0; waits < 3; waits += 1) purse.wait!(granted);
      fill(purse, 2);
      expect(granted).toHaveBeenCalledTimes(2);
      purse.deposit();
      expect(granted).toHaveBeenCalledTimes(3);
    });

    test('is granted no more than withdrawals would be', () => {
      fc.assert(
        fc.property(schedule, fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(20), (steps, ratio, floor) => {
          const [waited, asked] = [budget({ ratio, floor, window: 1_000 }), budget({ ratio, floor, window: 1_000 })];
          let granted = 0;
          let taken = 0;
          for (const { pause, deposits, wanted } of steps) {
            vi.advanceTimersByTime(pause);
            fill(waited, deposits);
            fill(asked, deposits);
            const leave = Array.from({ length: wanted }, () => waited.wait!(() => (granted += 1)));
            for (let want = 0; want < wanted; want += 1) taken += Number(asked.withdraw());
            leave.forEach((leave) => leave());
          }
          expect(granted).toBe(taken);
        }),
      );
    });
  });

  // It counts in tenths of the window, so it covers between nine and ten of them.
  test('grants in no nine tenths of a window more than the calls of a window and the floor allow', () => {
    fc.assert(
      fc.property(
        fc.array(schedule, { minLength: 1, maxLength: 3 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.nat(20),
        windows,
        (sharers, ratio, floor, window) => {
          const purse = budget({ ratio, floor, window });
          const { deposits, withdrawals }: Ledger = { deposits: [], withdrawals: [] };
          // The sharers use the budget in turn.
          const steps = Array.from({ length: 60 }, (_, n) => sharers.flatMap((steps) => steps[n] ?? [])).flat();
          for (const step of steps) {
            vi.advanceTimersByTime(step.pause);
            const now = performance.now();
            for (let call = 0; call < step.deposits; call += 1) {
              purse.deposit();
              deposits.push(now);
            }
            for (let want = 0; want < step.wanted; want += 1) if (purse.withdraw()) withdrawals.push(now);
          }
          for (const to of new Set(withdrawals)) {
            const allowed = ratio * within(deposits, to - window, to) + (floor * window) / 1_000;
            expect(within(withdrawals, to - 0.9 * window, to)).toBeLessThanOrEqual(allowed + 1e-6);
          }
        },
      ),
      { numRuns: 200 },
    );
  });

  test('grants in the long run no more than the calls and the floor allow', () => {
    fc.assert(
      fc.property(schedule, fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(20), (steps, ratio, floor) => {
        const purse = budget({ ratio, floor, window: 1_000 });
        const started = performance.now();
        let calls = 0;
        let extra = 0;
        for (const { pause, deposits, wanted } of steps) {
          vi.advanceTimersByTime(pause);
          fill(purse, deposits);
          calls += deposits;
          for (let want = 0; want < wanted; want += 1) extra += Number(purse.withdraw());
          const full = Math.floor((performance.now() - started) / 1_000) + 2; // windows that have begun, wherever they start
          expect(extra).toBeLessThanOrEqual(ratio * calls + floor * full + 1e-6);
        }
      }),
    );
  });

  test('is spent once by all policies that share it', () => {
    const shared = budget({ ratio: 0.5, floor: 1, window: 1_000 });
    fill(shared, 4); // of one policy
    fill(shared, 4); // and of another
    expect([drain(shared), drain(shared)]).toEqual([5, 0]);
  });

  test('is independent of other budgets', () => {
    const [mine, yours] = [budget(), budget()];
    drain(mine);
    expect([mine.balance, yours.balance]).toEqual([0, 100]);
  });

  test('grants nothing in an infinite window without calls and without a floor', () => {
    const purse = budget({ ratio: 0.5, floor: 0, window: Infinity });
    expect(purse.withdraw()).toBe(false);
    fill(purse, 2);
    vi.advanceTimersByTime(1e9);
    expect(drain({ ...purse, withdraw: () => purse.balance > 0 && purse.withdraw() })).toBe(1);
  });

  test.for<[string, object]>([
    ['budget ratio must be a number from 0 to 1, got 20', { ratio: 20 }],
    ['budget floor must be a number of requests a second, 0 or more, got -1', { floor: -1 }],
    ['budget floor must be a number of requests a second, 0 or more, got NaN', { floor: NaN }],
    ['budget floor must be a number of requests a second, 0 or more, got "10"', { floor: '10' }],
    ['budget window must be a number of milliseconds above 0, got 0', { window: 0 }],
    ['budget has no option percent; it has ratio, floor, window', { percent: 20 }],
  ])('refuses invalid options: %s', ([message, options]) => {
    expect(() => budget(options)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION', message }));
  });
});
