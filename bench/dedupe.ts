/**
 * `npm run bench:dedupe`: 1,000 identical GETs of 64 KB in flight at once, against a server in a process of its own.
 * Every contender has its own process too, and its turn in every round; the tables show medians, and
 * results/dedupe.json all of it. `--smoke`: one small round, and nothing written.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { findPackageJSON } from 'node:module';
import { cpus } from 'node:os';
import { contenders, type Figures, type Reader, type Task } from './lib/burst.ts';
import { size } from './lib/burst-server.ts';

const smoke = process.argv.includes('--smoke');
const [rounds, calls] = smoke ? [1, 100] : [15, 1_000];
const readers: readonly Reader[] = smoke ? ['text'] : ['text', 'arrayBuffer'];

interface Row extends Figures {
  readonly contender: string;
  readonly reader: Reader;
  readonly upstream: number;
}

const versions = { node: process.version, undici: await versionOf('undici'), wretch: await versionOf('wretch') };
const machine = `${cpus().length} x ${cpus()[0]!.model}`;
const names = Object.keys(contenders);
const present = names.filter((name) => versions[contenders[name]!.package ?? 'node'] !== undefined);

const server = fork(module('burst-server'), { execArgv: [] });
const [origin] = (await once(server, 'message')) as [string];
const rows: Row[] = [];
for (let round = 0; round < rounds; round += 1) {
  for (const reader of readers) {
    for (const contender of present) rows.push(await measure(contender, reader));
  }
}
server.disconnect();

console.log(
  `${calls.toLocaleString('en')} identical GETs of ${size / 1_024} KB in flight, medians of ${rounds} rounds`,
);
console.log([machine, ...Object.entries(versions).map(([name, version]) => `${name} ${version ?? '-'}`)].join(', '));
for (const reader of readers) {
  console.log(`\nRead by ${reader}()\n`);
  console.log('| | CPU, ms | wall, ms | RSS growth at its peak, MB | held, MB | upstream requests | wrong answers |');
  console.log('|---|---|---|---|---|---|---|');
  for (const contender of present) {
    const mine = rows.filter((row) => row.contender === contender && row.reader === reader);
    const at = (member: keyof Figures | 'upstream'): number => median(mine.map((row) => row[member]));
    const figures = [at('cpu'), at('wall'), at('peak') / 1e6, at('held') / 1e6, at('upstream'), at('wrong')];
    console.log(
      `| ${contender} | ${figures.map((figure) => (Math.round(figure) || 0).toLocaleString('en')).join(' | ')} |`,
    );
  }
}
const missing = names.filter((name) => !present.includes(name));
if (missing.length > 0) console.log(`\nLeft out: ${missing.join(', ')}. To measure them: npm install --prefix bench`);

const ours = rows.filter(({ contender }) => contender.startsWith('kyoa'));
if (ours.some(({ upstream, wrong }) => upstream !== 1 || wrong > 0)) process.exitCode = 1;
if (!smoke) {
  const file = new URL('results/dedupe.json', import.meta.url);
  await mkdir(new URL('.', file), { recursive: true });
  await writeFile(file, `${JSON.stringify({ machine, versions, calls, size, rounds, rows }, null, 2)}\n`);
}

async function measure(contender: string, reader: Reader): Promise<Row> {
  const path = `/${rows.length}`;
  const figures = await run({ contender, reader, calls, origin, path });
  const upstream = Number(await (await fetch(`${origin}/asked${path}`)).text());
  return { contender, reader, upstream, ...figures };
}

function run(task: Task): Promise<Figures> {
  return new Promise((resolve, reject) => {
    let figures: Figures | undefined;
    fork(module('burst'), [JSON.stringify(task)], { execArgv: ['--expose-gc'] })
      .on('message', (sent) => (figures = sent as Figures))
      .on('exit', (code) => (figures ? resolve(figures) : reject(new Error(`${task.contender} ended with ${code}`))));
  });
}

function module(name: string): URL {
  return new URL(`lib/${name}.ts`, import.meta.url);
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
