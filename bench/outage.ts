/**
 * `npm run bench:outage`: the requests per call that a client sends to a server in a full outage, and how long the client
 * takes to recover after the server has.
 *
 * Every run has its own client process and its own server process. Three runs are made at a time; the last line of the
 * output reports how far the calls were behind their rate. Each outage is measured after a short and after a long time
 * without faults, because a breaker whose window is full of successes opens later. The tables show medians;
 * bench/results/outage.json has all figures.
 *
 * `--rounds=3` repeats every run. `--only=kyoa` runs the contenders whose name matches. `--outage=reset` runs only that
 * kind of outage. `--smoke` runs one short outage with kyoa and plain fetch, and writes nothing.
 */
import { fork } from 'node:child_process';
import { parseArgs } from 'node:util';
import { contenders, type Figures, type Task } from './lib/outage.ts';
import type { Outage } from './lib/outage-server.ts';
import { installed, median, printHead, printLeftOut, printTable, save, versionsOf } from './lib/report.ts';

const { smoke, ...values } = parseArgs({
  options: {
    smoke: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '1' },
    only: { type: 'string', default: '' },
    outage: { type: 'string', default: '' },
  },
}).values;
const rounds = Number(values.rounds);
const only = smoke ? 'plain|kyoa' : values.only;
const lanes = 3;

const scale = smoke
  ? { rate: 100, down: 1_500, end: 500, steady: 300, patience: 6_000 }
  : { rate: 200, down: 10_000, end: 2_000, steady: 1_000, patience: 60_000 };
const kinds: readonly Outage[] = smoke ? ['503'] : ['503', 'reset'];
const outages = kinds.filter((kind) => kind.includes(values.outage));
const pasts: readonly number[] = smoke ? [200] : [2_000, 10_000];

interface Row extends Figures {
  readonly contender: string;
  readonly outage: Outage;
  readonly healthy: number;
}

const chosen = Object.fromEntries(Object.entries(contenders).filter(([name]) => new RegExp(only).test(name)));
const versions = await versionsOf(Object.values(contenders).flatMap(({ packages = [] }) => packages));
const present = installed(chosen, versions);

const tasks: Task[] = [];
for (let round = 0; round < rounds; round += 1) {
  for (const [contender] of present) {
    for (const outage of outages) {
      for (const healthy of pasts) tasks.push({ contender, outage, healthy, ...scale });
    }
  }
}
const rows: Row[] = [];
const lane = async (): Promise<void> => {
  for (let task = tasks.shift(); task !== undefined; task = tasks.shift()) {
    const { contender, outage, healthy } = task;
    rows.push({ contender, outage, healthy, ...(await run(task)) });
  }
};
await Promise.all(Array.from({ length: lanes }, lane));

if (!smoke) await save('outage', { versions, ...scale, rounds, lanes, rows });

printHead(
  `${scale.rate} calls a second, an outage of ${scale.down / 1_000} s; rounds: ${rounds}, ${lanes} runs at a time`,
  versions,
);
for (const outage of outages) {
  for (const healthy of pasts) report(outage, healthy);
}
printLeftOut(chosen, present);
console.log(`\nCalls were at most ${Math.max(...rows.map(({ late }) => late)).toFixed(0)} ms behind their rate.`);

if (rows.some(({ failedBefore }) => failedBefore > 0)) {
  console.error('Calls failed before the outage: the figures are invalid.');
  process.exitCode = 1;
}

function report(outage: Outage, healthy: number): void {
  const how = outage === '503' ? 'every response is a 503' : 'every connection is reset once the request is read';
  console.log(`\n${healthy / 1_000} s of good responses, then ${how}`);
  const table = present.map(([contender]) => {
    const mine = rows.filter((row) => row.contender === contender && row.outage === outage && row.healthy === healthy);
    const at = (member: 'whole' | 'end' | 'after'): string => decimals(median(mine.map((row) => row[member] ?? NaN)));
    const darks = mine.map((row) => row.dark ?? Infinity);
    const dark = [median(darks), Math.max(...darks)].map((ms) =>
      ms === Infinity ? `over ${scale.patience / 1_000}` : (ms / 1_000).toFixed(2),
    );
    const fails = median(mine.map((row) => row.failedAfter ?? Infinity));
    return [contender, at('whole'), at('end'), at('after'), ...dark, fails === Infinity ? '-' : fails];
  });
  const end = `in the last ${scale.end / 1_000} s`;
  printTable(
    ['requests per call', end, 'in the first second after', 'dark, s', 'dark at most, s', 'a call fails after, ms'],
    table,
  );
}

/** NaN is a ratio of no calls: on a busy machine, a period may pass without one. */
function decimals(figure: number): string {
  return Number.isNaN(figure) ? '-' : figure.toFixed(2);
}

function run(task: Task): Promise<Figures> {
  return new Promise((resolve, reject) => {
    let figures: Figures | undefined;
    fork(new URL('lib/outage.ts', import.meta.url), [JSON.stringify(task)], { execArgv: [] })
      .on('message', (sent) => (figures = sent as Figures))
      .on('exit', (code) => (figures ? resolve(figures) : reject(new Error(`${task.contender} ended with ${code}`))));
  });
}
