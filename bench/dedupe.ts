/**
 * `npm run bench:dedupe`: CPU time, memory and upstream requests of 1,000 identical GETs of 64 KB that are in flight at
 * once.
 *
 * The server has a process of its own. Every contender is measured once per round, in a new process. The tables show
 * medians of 15 rounds; bench/results/dedupe.json has all figures. `--smoke` runs one round of 100 calls and writes
 * nothing.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { contenders, type Figures, type Reader, type Task } from './lib/burst.ts';
import { size } from './lib/burst-server.ts';
import { installed, median, printHead, printLeftOut, printTable, save, versionsOf } from './lib/report.ts';

const smoke = process.argv.includes('--smoke');
const [rounds, calls] = smoke ? [1, 100] : [15, 1_000];
const readers: readonly Reader[] = smoke ? ['text'] : ['text', 'arrayBuffer'];

interface Row extends Figures {
  readonly contender: string;
  readonly reader: Reader;
  readonly upstream: number;
}

const versions = await versionsOf(['undici', 'wretch']);
const present = installed(contenders, versions);

const server = fork(module('burst-server'), { execArgv: [] });
const [origin] = (await once(server, 'message')) as [string];
const rows: Row[] = [];
for (let round = 0; round < rounds; round += 1) {
  for (const reader of readers) {
    for (const [contender] of present) rows.push(await measure(contender, reader));
  }
}
server.disconnect();

printHead(
  `${calls.toLocaleString('en')} identical GETs of ${size / 1_024} KB in flight, medians of ${rounds} rounds`,
  versions,
);
for (const reader of readers) {
  console.log(`\nRead by ${reader}()`);
  const table = present.map(([contender]) => {
    const mine = rows.filter((row) => row.contender === contender && row.reader === reader);
    const at = (member: keyof Figures | 'upstream'): number => median(mine.map((row) => row[member]));
    return [contender, at('cpu'), at('wall'), at('peak') / 1e6, at('held') / 1e6, at('upstream'), at('wrong')];
  });
  printTable(
    ['CPU, ms', 'wall, ms', 'peak growth of RSS, MB', 'held, MB', 'upstream requests', 'wrong responses'],
    table,
  );
}
printLeftOut(contenders, present);

const ours = rows.filter(({ contender }) => contender.startsWith('kyoa'));
if (ours.some(({ upstream, wrong }) => upstream !== 1 || wrong > 0)) process.exitCode = 1;
if (!smoke) await save('dedupe', { versions, calls, size, rounds, rows });

async function measure(contender: string, reader: Reader): Promise<Row> {
  const path = `/${rows.length}`;
  const figures = await run({ contender, reader, calls, origin, path });
  const upstream = Number(await (await fetch(`${origin}/count${path}`)).text());
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
