import { describe, expect, test } from 'vitest';
import { board, BOARD_WIDTH, glance, progressBar } from '../../../playground/terminal/board.ts';
import type { Standing } from '../../../playground/terminal/board.ts';
import { unpainted } from '../../../playground/terminal/paint.ts';
import type { Paint } from '../../../playground/terminal/paint.ts';

const plain: Standing = {
  name: 'plain fetch',
  tally: { started: 1_000, durations: Array.from({ length: 940 }, (_, i) => i + 1), lost: new Map([[503, 60]]) },
  counters: { retries: 0, copies: 0, timeouts: 2 },
  requests: 1_000,
};
const kyoa: Standing = {
  name: 'kyoa',
  tally: { started: 1_000, durations: Array.from({ length: 999 }, () => 20), lost: new Map([['late', 1]]) },
  counters: { retries: 71, copies: 48, timeouts: 5 },
  requests: 1_071,
};

describe('the board', () => {
  test('shows the figures of the callers and of the server', () => {
    expect(`\n${board([plain, kyoa], unpainted).join('\n')}`).toBe(`
               calls   success      p50      p95      p99   upstream/call   retries   copies   timeouts
───────────────────────────────────────────────────────────────────────────────────────────────────────
plain fetch    1,000    94.0 %   500 ms    > 5 s    > 5 s            1.00         0        0          2
kyoa           1,000    99.9 %    20 ms    20 ms    20 ms            1.07        71       48          5
───────────────────────────────────────────────────────────────────────────────────────────────────────`);
  });

  test('counts a lost call in the quantiles, so that fewer good calls do not look quicker', () => {
    const quick: Standing = { ...plain, tally: { started: 2, durations: [1], lost: new Map([[503, 1]]) } };
    expect(board([quick], unpainted)[2]).toContain('50.0 %     1 ms    > 5 s    > 5 s');
  });

  test('is no wider than its width with the margin', () => {
    for (const line of board([plain, kyoa], unpainted)) expect(line.length).toBeLessThanOrEqual(BOARD_WIDTH - 2);
  });

  test('shows dashes before the first call has ended', () => {
    const empty = { ...kyoa, requests: 0, tally: { started: 0, durations: [], lost: new Map() } };
    expect(board([empty], unpainted)[2]?.split(/\s+/)).toEqual(['kyoa', '0', '–', '–', '–', '–', '–', '71', '48', '5']);
  });

  test('colours the success by its rate', () => {
    const named: Paint = (style, text) => `<${style}>${text}</>`;
    const [, , first, second] = board([plain, kyoa], named);
    expect(first).toContain('<red>94.0 %</>');
    expect(second).toContain('<green>99.9 %</>');
  });

  test('has one line for an output that cannot be redrawn', () => {
    expect(glance(3.2, [plain, kyoa])).toBe('  3 s   plain fetch  94.0 %, p99 > 5 s    kyoa  99.9 %, p99 20 ms');
  });
});

describe('the progress bar', () => {
  test.each([
    [-1, 0],
    [0, 0],
    [0.5, 20],
    [1, 40],
    [7, 40],
  ])('at %d fills %d of 40 characters', (done, full) => {
    const bar = progressBar(done, { text: 'note', style: 'dim' }, unpainted);
    expect(bar).toBe(`${'━'.repeat(full)}${'╌'.repeat(40 - full)}  note`);
  });
});
