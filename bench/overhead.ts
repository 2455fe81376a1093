/**
 * `npm run bench:overhead`: a GET to parsed JSON over a transport that answers at once. Every contender has its turn in
 * every round, in a process of its own, by turns with the transport alone; the table shows medians of the rounds, and
 * results/overhead.json all of it. `--only=kyoa` measures those whose name matches, `--smoke` does one small round and
 * writes nothing.
 */
import { parseArgs } from 'node:util';
import { contenders } from './lib/contenders.ts';
import type { Figures, Task } from './lib/overhead.ts';
import { installed, median, printHead, printLeftOut, printTable, save, versionsOf } from './lib/report.ts';
import { inProcess, interleaved } from './lib/rounds.ts';

const { smoke, only } = parseArgs({
  options: { smoke: { type: 'boolean', default: false }, only: { type: 'string', default: '' } },
}).values;
const [rounds, chunks, calls] = smoke ? [1, 2, 200] : [9, 20, 1_000];
/** A young generation that is as large as it gets from the start: what is allocated in a few calls is all there. */
const execArgv = ['--expose-gc', '--min-semi-space-size=16'];
const yardstick = 'by hand, one closure';

const stubbed = Object.fromEntries(Object.entries(contenders).filter(([, { ownTransport }]) => !ownTransport));
const versions = await versionsOf(Object.values(stubbed).flatMap(({ packages = [] }) => packages));
const chosen = new RegExp(only);
const present = installed(stubbed, versions).filter(([name]) => name === yardstick || chosen.test(name));

const names = present.map(([name]) => name);
const measured = await interleaved(rounds, names, (contender) =>
  inProcess<Figures>('overhead', { contender, chunks, calls } satisfies Task, execArgv),
);

printHead(`GET to JSON over a stubbed fetch, medians of ${rounds} rounds of ${chunks} x ${calls} calls`, versions);
const totals = (name: string): number[] =>
  measured.filter((one) => one.name === name).map(({ figures }) => figures.time);
const rows = present.map(([name, { has }]) => {
  const mine = measured.filter((one) => one.name === name).map(({ figures }) => figures);
  const total = median(mine.map(({ time }) => time));
  const over = median(mine.map(({ time, stub }) => time - stub));
  const ratio = median(totals(name).map((time, round) => time / totals(yardstick)[round]!));
  const allocated = median(mine.map(({ allocated, stubAllocated }) => allocated - stubAllocated));
  return [name, has, (total / 1_000).toFixed(1), (over / 1_000).toFixed(1), ratio.toFixed(2), allocated];
});
printTable(['has', 'total, us', 'over the stub, us', 'total / by hand', 'over the stub, bytes'], rows);
if (only === '') printLeftOut(stubbed, present);

if (!smoke) await save('overhead', { versions, rounds, chunks, calls, measured });
