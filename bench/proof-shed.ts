/**
 * `npm run proof:shed`: a server at three times its capacity, without `shed` and with it. The server and its callers have a
 * process each. It fails unless `shed` keeps at least 90 % of the capacity as good answers (a 200 within 1 s), and the p99
 * of these within twice that of a server at a fifth of its capacity. `--smoke` is
 * short, and only compares the two, because tests may run on a busy machine.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { printHead, printTable, versionsOf } from './lib/report.ts';
import type { Figures, Order } from './proof-shed/client.ts';
import type { Kind, Listening } from './proof-shed/server.ts';

const { smoke } = parseArgs({ options: { smoke: { type: 'boolean', default: false } } }).values;
const kinds: readonly Kind[] = smoke ? ['pool'] : ['pool', 'cpu'];
const seconds = smoke ? { calm: 1, overload: 2, settle: 1.5 } : { calm: 8, overload: 15, settle: 8 };
/** More requests than a pool of 8 serves at a time, and too few to wait for `patience`. */
const together = 16;

const versions = await versionsOf([]);
printHead('A server at three times its capacity; requests a second, and ms', versions);
for (const kind of kinds) {
  const capacity = await measure(kind, 'plain', { together }, seconds.calm);
  const calm = await measure(kind, 'plain', { rate: capacity.good / 5 }, seconds.calm);
  const overload = { rate: 3 * capacity.good };
  const without = await measure(kind, 'plain', overload, seconds.overload);
  const shedding = await measure(kind, 'shed', overload, seconds.overload);

  const cells = ({ good, refused, lost, p50, p99 }: Figures): (string | number)[] => [
    good,
    `${((100 * good) / capacity.good).toFixed(0)} %`,
    refused,
    lost,
    p50 ?? '-',
    p99 ?? '-',
  ];
  printTable(
    ['good answers', 'of the capacity', 'refused', 'too late', 'p50', 'p99'],
    [
      [`${together} at a time: the capacity`, ...cells(capacity)],
      ['a fifth of it', ...cells(calm)],
      ['three times, without shed', ...cells(without)],
      ['three times, with shed', ...cells(shedding)],
    ],
    kind,
  );
  const late = Math.max(...[calm, without, shedding].map((figures) => figures.late));
  console.log(`\nCalls were at most ${late.toFixed(0)} ms behind their schedule.`);
  const isKept = shedding.good >= 0.9 * capacity.good && shedding.p99! <= 2 * calm.p99!;
  if (smoke ? shedding.good <= 2 * without.good : !isKept) {
    console.error(`FAILED: ${kind}`);
    process.exitCode = 1;
  }
}
if (process.exitCode !== 1) console.log('ok');

/** Each run has a server and callers of its own. */
async function measure(kind: Kind, how: string, load: Order['load'], duration: number): Promise<Figures> {
  const server = start('server', kind, how);
  const client = start('client');
  try {
    const [{ origin }] = (await once(server, 'message')) as [Listening];
    client.send({ origin, load, duration: 1_000 * duration, settle: 1_000 * seconds.settle } satisfies Order);
    const [figures] = (await once(client, 'message')) as [Figures];
    return figures;
  } finally {
    await Promise.all([server, client].map(stop));
  }
}

function start(name: string, ...args: string[]): ChildProcess {
  return fork(`${import.meta.dirname}/proof-shed/${name}.ts`, args);
}

async function stop(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL');
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}
