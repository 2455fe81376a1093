/**
 * `npm run bench:dedupe`: 1,000 identical GETs of 64 KB in flight at once, against a server in a process of its own.
 * Every contender has its own process too, and its turn in every round; the table shows medians, and
 * results/dedupe.json all of it. `--smoke`: one small round, and nothing written.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { findPackageJSON } from 'node:module';
import { cpus } from 'node:os';
import { contenders, readers, type Figures, type Task } from './lib/burst.ts';
import { size } from './lib/burst-server.ts';

const smoke = process.argv.includes('--smoke');
const [rounds, calls] = smoke ? [1, 100] : [9, 1_000];

const versions = { node: process.version, undici: await versionOf('undici'), wretch: await versionOf('wretch') };
const machine = `${cpus().length} x ${cpus()[0]!.model}`;
const present = Object.keys(contenders).filter((name) => {
  const { package: needed } = contenders[name]!;
  return needed === undefined || versions[needed] !== undefined;
});

const module = (name: string): URL => new URL(`lib/${name}.ts`, import.meta.url);
const server = fork(module('burst-server'));
const [origin] = (await once(server, 'message')) as [string];

interface Row extends Figures {
  readonly contender: string;
  readonly reader: string;
  readonly upstream: number;
}

const rows: Row[] = [];
for (let round = 0; round < rounds; round += 1) {
  for (const reader of readers) {
    for (const contender of present) {
      const path = `/${rows.length}`;
      const figures = await run({ contender, reader, calls, origin, path });
      const upstream = Number(await (await fetch(`${origin}/asked${path}`)).text());
      rows.push({ contender, reader, upstream, ...figures });
    }
  }
}
server.disconnect();

async function run(task: Task): Promise<Figures> {
  const child = fork(module('burst'), [JSON.stringify(task)], { execArgv: ['--expose-gc'] });
  const [[figures]] = (await Promise.all([once(child, 'message'), once(child, 'exit')])) as [[Figures], unknown];
  return figures;
}

console.log(`${calls} identical GETs of ${size / 1_024} KB in flight; medians of ${rounds} rounds`);
console.log(
  `${machine}; ${Object.entries(versions)
    .map(([name, version]) => `${name} ${version ?? 'not installed'}`)
    .join(', ')}`,
);
for (const reader of readers) {
  console.log(`\nread as ${reader}()\n`);
  console.log('| | CPU, ms | wall, ms | RSS growth to its peak, MB | held, MB | upstream requests | wrong answers |');
  console.log('|---|---|---|---|---|---|---|');
  for (const contender of present) {
    const mine = rows.filter((row) => row.contender === contender && row.reader === reader);
    const at = (member: keyof Figures | 'upstream'): number => median(mine.map((row) => row[member]));
    const cells = [
      at('cpu'),
      at('wall'),
      at('growth') / 1e6,
      at('rss') / 1e6,
      at('upstream'),
      Math.max(...mine.map(({ wrong }) => wrong)),
    ];
    console.log(`| ${contender} | ${cells.map((cell) => Math.round(cell).toLocaleString('en')).join(' | ')} |`);
  }
}
if (present.length < Object.keys(contenders).length) {
  console.log('\nLeft out what is not installed: npm install --prefix bench');
}

if (!smoke) {
  const file = new URL('results/dedupe.json', import.meta.url);
  await mkdir(new URL('.', file), { recursive: true });
  await writeFile(file, `${JSON.stringify({ machine, versions, calls, size, rounds, rows }, null, 2)}\n`);
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)]!;
}

async function versionOf(name: string): Promise<string | undefined> {
  try {
    const manifest = JSON.parse(await readFile(findPackageJSON(name, import.meta.url)!, 'utf8')) as { version: string };
    return manifest.version;
  } catch {
    return undefined;
  }
}
