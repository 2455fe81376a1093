/** The display of a run: the table of the contenders, and the progress bar. */
import { count, milliseconds, ratio, share } from './figures.ts';
import type { Paint, Style } from './paint.ts';
import { percentile } from './percentile.ts';
import { table } from './table.ts';
import type { Cell, Column } from './table.ts';
import { countSettled, durationsOf } from './tally.ts';
import type { Tally } from './tally.ts';
import type { Counters } from './traffic.ts';

/** The figures of a contender: the results of its calls, its own counters, and the requests that the server counted. */
export interface Standing {
  readonly name: string;
  readonly tally: Tally;
  readonly counters: Counters;
  /** Requests that reached the server. */
  readonly requests: number;
}

/** Titles and minimum widths, so that the table does not move while the figures grow. */
const columns: readonly Column[] = [
  { title: '', width: 11 },
  { title: 'calls', width: 6, align: 'right' },
  { title: 'success', width: 7, align: 'right' },
  { title: 'p50', width: 6, align: 'right' },
  { title: 'p95', width: 6, align: 'right' },
  { title: 'p99', width: 6, align: 'right' },
  { title: 'upstream/call', align: 'right' },
  { title: 'retries', align: 'right' },
  { title: 'copies', align: 'right' },
  { title: 'timeouts', align: 'right' },
];

/** The number of columns that a terminal needs. On a narrower terminal the lines of the table would wrap. */
export const BOARD_WIDTH = 105;

const BAR_WIDTH = 40;

export function board(standings: readonly Standing[], paint: Paint): string[] {
  return table(columns, standings.map(row), paint);
}

/** `done` is the elapsed share of the run; it may exceed 1. `note` is placed to the right of the bar. */
export function progressBar(done: number, note: Cell, paint: Paint): string {
  const full = Math.round(Math.min(1, Math.max(0, done)) * BAR_WIDTH);
  const bar = paint('cyan', '━'.repeat(full)) + paint('dim', '╌'.repeat(BAR_WIDTH - full));
  return `${bar}  ${note.style ? paint(note.style, note.text) : note.text}`;
}

/** The same figures in one line, for an output that cannot be redrawn. */
export function glance(elapsed: number, standings: readonly Standing[]): string {
  const parts = standings.map(({ name, tally }) => {
    const success = share(tally.durations.length, countSettled(tally));
    return `${name} ${success.padStart(7)}, p99 ${milliseconds(percentile(durationsOf(tally), 0.99)).padEnd(6)}`;
  });
  return [`${elapsed.toFixed(0).padStart(3)} s`, ...parts].join('   ').trimEnd();
}

function row({ name, tally, counters, requests }: Standing): Cell[] {
  const settled = countSettled(tally);
  const answered = tally.durations.length;
  const durations = durationsOf(tally);
  const time = (q: number): Cell => ({ text: milliseconds(percentile(durations, q)) });

  return [
    { text: name, style: 'bold' },
    { text: count(settled) },
    { text: share(answered, settled), style: grade(answered / settled) },
    time(0.5),
    time(0.95),
    time(0.99),
    { text: ratio(requests / tally.started) },
    { text: count(counters.retries) },
    { text: count(counters.copies) },
    { text: count(counters.timeouts) },
  ];
}

function grade(success: number): Style {
  if (Number.isNaN(success)) return 'dim';
  if (success >= 0.995) return 'green';
  return success >= 0.98 ? 'yellow' : 'red';
}
