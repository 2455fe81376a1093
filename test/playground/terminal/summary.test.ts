import { describe, expect, test } from 'vitest';
import type { Standing } from '../../../playground/terminal/board.ts';
import { losses, verdict } from '../../../playground/terminal/summary.ts';
import type { Loss } from '../../../playground/terminal/tally.ts';

describe('the verdict', () => {
  test('names the losses of both clients, and the requests per call', () => {
    expect(
      verdict([standing('plain fetch', 1_500, 1_500, [[503, 92]]), standing('kyoa', 1_500, 1_605, [['late', 1]])]),
    ).toBe('plain fetch lost 6.2 % of 1,500 calls; kyoa lost 0.1 %, for 1.07 upstream requests per call.');
  });

  test('names no loss and no extra requests if there are none', () => {
    expect(verdict([standing('plain fetch', 600, 600, []), standing('kyoa', 600, 600, [])])).toBe(
      'plain fetch lost none of 600 calls; kyoa lost none.',
    );
  });
});

describe('the losses', () => {
  test('are listed in words, the most frequent first, for each client with losses', () => {
    const standings = [
      standing('plain fetch', 1_500, 1_500, [
        ['late', 3],
        [503, 1_200],
        ['broken', 2],
      ]),
      standing('kyoa', 1_500, 1_500, []),
    ];
    expect(losses(standings, 5_000)).toEqual([
      'plain fetch   1,200 × 503, 3 without a response in 5 s, 2 broken connections',
    ]);
  });

  test('are aligned', () => {
    const standings = [standing('plain fetch', 9, 9, [['broken', 1]]), standing('kyoa', 9, 9, [['circuit open', 1]])];
    expect(losses(standings, 5_000)).toEqual([
      'plain fetch   1 broken connection',
      'kyoa          1 rejected by an open circuit',
    ]);
  });
});

function standing(name: string, started: number, requests: number, lost: [Loss, number][]): Standing {
  const answered = started - lost.reduce((sum, [, calls]) => sum + calls, 0);
  const durations = Array.from({ length: answered }, () => 20);
  return {
    name,
    requests,
    tally: { started, durations, lost: new Map(lost) },
    counters: { retries: 0, copies: 0, timeouts: 0 },
  };
}
