/**
 * `npm run bench:overhead`: the time and the allocations that a contender adds to a transport that responds at once, for
 * a GET to parsed JSON.
 *
 * Every contender is measured once per round, in a new process, alternating with the transport alone. The table shows
 * medians of 9 rounds; bench/results/overhead.json has all figures.
 *
 * `--only=kyoa` measures the contenders whose name matches, and the closure written by hand. `--smoke` runs one small
 * round and writes nothing.
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
/** The young generation has its full size from the start, so that no collection runs while allocations are counted. */
const execArgv = ['--expose-gc', '--min-semi-space-size=16'];
const reference = 'by hand, one closure';

const stubbed = Object.fromEntries(Object.entries(contenders).filter(([, { ownTransport }]) => !ownTransport));
const versions = await versionsOf(Object.values(stubbed).flatMap(({ packages = [] }) => packages));
const chosen = new RegExp(only);
const present = installed(stubbed, versions).filter(([name]) => name === reference || chosen.test(name));

const names = present.map(([name]) => name);
const measured = await interleaved(rounds, names, (contender) =>
  inProcess<Figures>('overhead', { contender, chunks, calls } satisfies Task, execArgv),
);

printHead(`GET to JSON over a stubbed fetch, medians of ${rounds} rounds of ${chunks} x ${calls} calls`, versions);
const totals = (name: string): number[] =>
  measured.filter((one) => one.name === name).map(({ figures }) => figures.time);
const rows = present.map(([name, { features }]) => {
  const mine = measured.filter((one) => one.name === name).map(({ figures }) => figures);
  const total = median(mine.map(({ time }) => time));
  const over = median(mine.map(({ time, stub }) => time - stub));
  const ratio = median(totals(name).map((time, round) => time / totals(reference)[round]!));
  const allocated = median(mine.map(({ allocated, stubAllocated }) => allocated - stubAllocated));
  return [name, features, (total / 1_000).toFixed(1), (over / 1_000).toFixed(1), ratio.toFixed(2), allocated];
});
printTable(['features', 'total, us', 'over the stub, us', 'total / by hand', 'over the stub, bytes'], rows);
if (only === '') printLeftOut(stubbed, present);

if (!smoke) await save('overhead', { versions, rounds, chunks, calls, measured });
