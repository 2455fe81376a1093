/**
 * `npm run bench:outage`: what a client does to a server that fails altogether, and how long it goes without it once it
 * works again. Every run has a client and a server of its own, each in its own process, and so its own outage; a few go
 * at a time, no more than the machine can keep at their rate (the table says how far behind they were). The outage is
 * met with a short past and with a long one, as a window that is full of successes takes longer to tip. The tables show
 * medians, results/outage.json all of it. `--rounds=3` repeats all of it, `--only=kyoa` runs those whose name matches,
 * `--outage=reset` that kind. `--smoke`: one small outage each, kyoa and plain fetch only, and nothing written.
 */
import { fork } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { findPackageJSON } from 'node:module';
import { cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { contenders, type Figures, type Task } from './lib/outage.ts';
import type { Outage } from './lib/outage-server.ts';

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

const packages = Object.values(contenders).flatMap(({ packages = [] }) => packages);
const versions = new Map<string, string | undefined>([['node', process.version]]);
versions.set('undici (global fetch)', process.versions['undici']);
for (const name of packages) versions.set(name, await versionOf(name));
const machine = `${cpus().length} x ${cpus()[0]!.model}, load ${loadavg()[0]!.toFixed(1)}`;

const names = Object.keys(contenders).filter((name) => new RegExp(only).test(name));
const present = names.filter((name) => (contenders[name]!.packages ?? []).every((needed) => versions.get(needed)));

const tasks: Task[] = [];
for (let round = 0; round < rounds; round += 1) {
  for (const contender of present) {
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

if (!smoke) {
  const file = new URL('results/outage.json', import.meta.url);
  const results = { machine, versions: Object.fromEntries(versions), ...scale, rounds, lanes, rows };
  await mkdir(new URL('.', file), { recursive: true });
  await writeFile(file, `${JSON.stringify(results, null, 2)}\n`);
}

console.log(
  `${scale.rate} calls a second, an outage of ${scale.down / 1_000} s; ${rounds} of them each, ${lanes} side by side`,
);
console.log(
  [machine, ...[...versions].map(([name, version]) => `${name} ${version?.replace(/^v/, '') ?? '-'}`)].join(', '),
);
for (const outage of outages) {
  for (const healthy of pasts) report(outage, healthy);
}
const missing = names.filter((name) => !present.includes(name));
if (missing.length > 0) console.log(`\nLeft out: ${missing.join(', ')}. To measure them: npm install --prefix bench`);
console.log(`\nThe rate was ${Math.max(...rows.map(({ late }) => late)).toFixed(0)} ms behind at most.`);

if (rows.some(({ failedBefore }) => failedBefore > 0)) {
  console.error('Calls failed before the outage: the figures are worth nothing.');
  process.exitCode = 1;
}
function report(outage: Outage, healthy: number): void {
  const how = outage === '503' ? 'every answer a 503' : 'every connection reset once the request is read';
  console.log(`\n${healthy / 1_000} s of good answers, then ${how}\n`);
  console.log(
    `| | requests per call | of the last ${scale.end / 1_000} s | of the first second after | dark, s | at most | a call fails after, ms |`,
  );
  console.log('|---|---|---|---|---|---|---|');
  for (const contender of present) {
    const mine = rows.filter((row) => row.contender === contender && row.outage === outage && row.healthy === healthy);
    const at = (member: 'whole' | 'end' | 'after'): string => decimals(median(mine.map((row) => row[member] ?? NaN)));
    const darks = mine.map((row) => row.dark ?? Infinity);
    const dark = [median(darks), Math.max(...darks)].map((ms) =>
      ms === Infinity ? `over ${scale.patience / 1_000}` : (ms / 1_000).toFixed(2),
    );
    const fails = median(mine.map((row) => row.failedAfter ?? Infinity));
    const cells = [at('whole'), at('end'), at('after'), ...dark, fails === Infinity ? '-' : fails.toFixed(0)];
    console.log(`| ${contender} | ${cells.join(' | ')} |`);
  }
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

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

async function versionOf(name: string): Promise<string | undefined> {
  try {
    const manifest = JSON.parse(await readFile(findPackageJSON(name, import.meta.url)!, 'utf8')) as { version: string };
    return manifest.version;
  } catch {
    return undefined; // not installed
  }
}
