/**
 * `npm run bench:outage`: what a client does to a server that fails altogether, and how long it goes without it once it
 * works again. Every run has a client and a server of its own, each in its own process, and so its own outage; a few go
 * at a time, no more than the machine can keep at their rate (the table says how far behind they were). The outage is
 * met with a short past and with a long one, as a window that is full of successes takes longer to tip. The tables show
 * medians, results/outage.json all of it. `--rounds=3` repeats all of it, `--only=kyoa` runs those whose name matches,
 * `--outage=reset` that kind. `--smoke`: one small outage each, kyoa and plain fetch only, and nothing written.
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
  `${scale.rate} calls a second, an outage of ${scale.down / 1_000} s; ${rounds} of them each, ${lanes} side by side`,
  versions,
);
for (const outage of outages) {
  for (const healthy of pasts) report(outage, healthy);
}
printLeftOut(chosen, present);
console.log(`\nThe rate was ${Math.max(...rows.map(({ late }) => late)).toFixed(0)} ms behind at most.`);

if (rows.some(({ failedBefore }) => failedBefore > 0)) {
  console.error('Calls failed before the outage: the figures are worth nothing.');
  process.exitCode = 1;
}

function report(outage: Outage, healthy: number): void {
  const how = outage === '503' ? 'every answer a 503' : 'every connection reset once the request is read';
  console.log(`\n${healthy / 1_000} s of good answers, then ${how}`);
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
  const end = `of the last ${scale.end / 1_000} s`;
  printTable(
    ['requests per call', end, 'of the first second after', 'dark, s', 'at most', 'a call fails after, ms'],
    table,
  );
}

/** No call was made when none could be: the machine was busy with something else. */
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
