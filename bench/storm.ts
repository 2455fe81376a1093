/**
 * `npm run bench:storm`: the retry storm of docs/fleet.md, in virtual time. 1,000 clients with the real `retry`, `budget`,
 * `hedge` and `limit`, and a server with and without the real `shed`, whose pool is slow for 10 s. Its tables are those of
 * the page, from which `npm run docs:draw` draws the picture. `--smoke` is a tenth of it, in size and in time.
 */
import { parseArgs } from 'node:util';
import { printTable } from './lib/report.ts';
import { fullScale, simulateStorm, variants, type Scale, type Series } from './lib/storm.ts';

const { smoke } = parseArgs({ options: { smoke: { type: 'boolean', default: false } } }).values;
const scale: Scale = smoke
  ? { clients: 100, rate: 25, pool: 4, slowPool: 1, slowFrom: 2, slowTo: 6, duration: 20 }
  : fullScale;

const results: [name: string, series: Series][] = [];
for (const variant of variants) results.push([variant.name, await simulateStorm(variant, scale)]);

const sum = (counts: readonly number[], from: number, to: number): number =>
  counts.slice(from, to).reduce((total, count) => total + count, 0);
const share = ({ calls, good }: Series, from: number, to: number): number => sum(good, from, to) / sum(calls, from, to);
const percent = (ratio: number): string => `${Math.round(100 * ratio)} %`;

/** Seconds from the end of the slow time until 95 % of the calls of the next three seconds are good. */
function recovery(series: Series): string {
  for (let second = scale.slowTo; second + 3 <= scale.duration; second += 1)
    if (share(series, second, second + 3) >= 0.95) return String(second - scale.slowTo);
  return 'never';
}

const { slowFrom, slowTo, duration, rate } = scale;
console.log(`${scale.clients} clients, ${rate} calls a second, a slow pool from ${slowFrom} to ${slowTo} s`);
printTable(
  ['requests per call while it is slow', 'good calls while it is slow', 'good calls after that', 'recovers after, s'],
  results.map(([name, series]) => [
    name,
    (sum(series.requests, slowFrom, slowTo) / sum(series.calls, slowFrom, slowTo)).toFixed(2),
    percent(share(series, slowFrom, slowTo)),
    percent(share(series, slowTo, duration)),
    recovery(series),
  ]),
  'variant',
);
const step = duration / 20;
printTable(
  results.map(([name]) => name),
  Array.from({ length: 20 }, (_, index) => [
    step * index,
    ...results.map(([, series]) => percent(share(series, step * index, step * (index + 1)))),
  ]),
  'good calls, from second',
);
