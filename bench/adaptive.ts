/**
 * `npm run bench:adaptive`: simulates adaptive limits, with seeded latencies and without a clock. It measures the false
 * timeouts of each estimate on a steady route, and how each estimate follows a slow-down and the recovery.
 *
 * It prints the tables of docs/adaptive.md and draws docs/adaptive.svg. `--smoke` simulates 2,000 instead of 100,000
 * calls and writes nothing.
 */
import { writeFile } from 'node:fs/promises';
import { adaptive, meanPlusDeviation, quantile, rto, type Estimate } from '../src/index.ts';
import { lognormal, random, simulate, type Call } from './lib/simulate.ts';
import { chart } from './lib/chart.ts';

const smoke = process.argv.includes('--smoke');
const calls = smoke ? 2_000 : 100_000;

const estimates: readonly { name: string; estimate: Estimate }[] = [
  { name: 'meanPlusDeviation(2)', estimate: meanPlusDeviation(2) },
  { name: 'quantile(0.99)', estimate: quantile(0.99) },
  { name: 'quantile(0.99, { factor: 2 })', estimate: quantile(0.99, { factor: 2 }) },
  { name: 'rto()', estimate: rto() },
];

const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;

console.log(
  `False timeouts: share of ${calls.toLocaleString('en')} calls that time out on a route that does not change\n`,
);
console.log('| estimate | lognormal, sigma 0.3 | sigma 0.6 | sigma 1.0 | 1.5 % of responses 10 times slower |');
console.log('|---|---|---|---|---|');
for (const { name, estimate } of estimates) {
  const cut = [0.3, 0.6, 1].map((sigma) =>
    falseTimeouts(estimate, lognormal({ median: 100, sigma, random: random(7) })),
  );
  const draw = random(11);
  const steady = lognormal({ median: 100, sigma: 0.3, random: random(13) });
  cut.push(falseTimeouts(estimate, () => (draw() < 0.015 ? 10 : 1) * steady()));
  console.log(`| \`${name}\` | ${cut.map(percent).join(' | ')} |`);
}

/** `min` and `max` have no effect here, so that only the estimate is measured. */
function falseTimeouts(estimate: Estimate, latencies: () => number): number {
  const limit = adaptive({ min: 1, max: 600_000, minSamples: 20, estimate });
  return simulate({ limit, latencies, calls }).falseTimeouts;
}

console.log(
  '\nA slow-down: 150 ms, ten times slower from call 200 to 400, then 150 ms again; defaults of `adaptive()`\n',
);
console.log(
  '| estimate | served again after | calls lost in the slow-down | limit before | limit in it | back within 10 % of before after |',
);
console.log('|---|---|---|---|---|---|');
const slowDowns = estimates
  .filter(({ name }) => !name.includes('factor'))
  .map(({ name, estimate }) => ({ name, history: slowDown(estimate) }));
for (const { name, history } of slowDowns) {
  const slow = history.slice(200, 400);
  const before = history[199]!.limit;
  const back = history.slice(400).findIndex(({ limit }) => limit <= before * 1.1);
  const lost = slow.filter(({ served }) => !served).length;
  console.log(
    `| \`${name}\` | ${slow.findIndex(({ served }) => served)} calls | ${lost} of 200 | ${ms(before)} | ${ms(slow[199]!.limit)} | ${back} calls |`,
  );
}

function slowDown(estimate: Estimate): readonly Call[] {
  const draw = lognormal({ median: 150, sigma: 0.25, random: random(3) });
  let call = 0;
  const latencies = (): number => draw() * ((call += 1) > 200 && call <= 400 ? 10 : 1);
  return simulate({ limit: adaptive({ estimate }), latencies, calls: 600 }).history;
}

function ms(value: number): string {
  return `${Math.round(value).toLocaleString('en')} ms`;
}

if (!smoke) {
  const file = new URL('../docs/adaptive.svg', import.meta.url);
  await writeFile(file, chart(slowDowns));
  console.log('\ndocs/adaptive.svg drawn');
}
