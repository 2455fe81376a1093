/**
 * `npm run proof:playground`: runs the page at 200 calls a second for five minutes, in Chromium without a graphics card.
 * It prints frames a second and the size of the heap. The heap must not grow. `--smoke` takes a few seconds.
 */
import type { Page } from 'playwright';

import { visitors } from '../test/playground/page/visit.ts';

const smoke = process.argv.includes('--smoke');
/** The length of a round, s. */
const round = smoke ? 2 : 30;
const rounds = smoke ? 3 : 10;
/** The maximum ratio of the heap at the end to the heap when all buffers of the page are full. */
const growth = 1.1;

interface Row {
  readonly seconds: number;
  readonly 'calls in 10 s': number;
  readonly 'frames/s': number;
  readonly 'p99 frame ms': number;
  readonly 'heap MB': number;
}

await using guests = await visitors('simulated');
const page = await guests.visit();
await page.locator('.slider', { hasText: 'Calls a second' }).getByRole('slider').fill('200');
const inspector = await page.context().newCDPSession(page);

const table: Row[] = [];
for (let i = 1; i <= rounds; i += 1) {
  const intervals = await frames(page, round * 1_000);
  const elapsed = intervals.reduce((sum, interval) => sum + interval, 0);
  table.push({
    seconds: i * round,
    'calls in 10 s': await page.locator('.duel-kyoa th small').textContent().then(callsIn),
    'frames/s': rounded((intervals.length * 1_000) / elapsed),
    'p99 frame ms': rounded(intervals.toSorted((a, b) => a - b)[Math.floor(intervals.length * 0.99)] ?? 0),
    'heap MB': await heap(),
  });
}
console.table(table);

const settled = table[Math.min(2, rounds - 1)]!; // after 90 s the buffers of the chart and of the dots are full
const last = table.at(-1)!;
const isFlat = last['heap MB'] <= settled['heap MB'] * growth;
const isClean = guests.complaints.length === 0 && last['calls in 10 s'] > 0;
for (const complaint of guests.complaints) console.log(complaint);
// A few seconds are too short to judge the heap.
const isProved = isClean && (smoke || isFlat);
console.log(isProved ? (smoke ? 'ran clean' : 'proved: the heap is flat') : 'NOT PROVED: see the table');
process.exitCode = isProved ? 0 : 1;

/** The intervals between frames, ms. */
function frames(page: Page, duration: number): Promise<number[]> {
  return page.evaluate(
    (duration) =>
      new Promise<number[]>((resolve) => {
        const intervals: number[] = [];
        const begin = performance.now();
        let before = begin;
        requestAnimationFrame(function next(now) {
          intervals.push(now - before);
          before = now;
          if (now - begin < duration) requestAnimationFrame(next);
          else resolve(intervals);
        });
      }),
    duration,
  );
}

/** The size of the heap after a collection, MB. */
async function heap(): Promise<number> {
  await inspector.send('HeapProfiler.collectGarbage');
  const { usedSize } = await inspector.send('Runtime.getHeapUsage');
  return rounded(usedSize / 2 ** 20);
}

/** The number of calls in "3 of 1,234 lost". */
function callsIn(text: string | null): number {
  return Number(/of ([\d,]+)/.exec(text ?? '')?.[1]?.replaceAll(',', '') ?? 0);
}

function rounded(value: number): number {
  return Math.round(value * 10) / 10;
}
