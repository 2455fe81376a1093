/**
 * `npm run bench:overhead`: the time and the allocations that a contender adds to a transport that responds at once, for
 * each shape of a call (bench/lib/shapes.ts), to the last byte of the body.
 *
 * The contenders take turns of 500 calls, in processes that each make the calls of all shapes. Ratios are computed within
 * a round. The tables show medians; bench/results/overhead.json has all figures.
 *
 * Contenders other than the main ones are measured in GET only, unless `--shapes=GET,POST of JSON` or `--only=kyoa` limits
 * the run; plain fetch and the closure written by hand are always measured. `--smoke` runs one short round. A run that is
 * limited writes nothing.
 */
import { contenders } from './lib/contenders.ts';
import type { Figures, Task } from './lib/overhead.ts';
import { printHead, printLeftOut, printMedians, printTable, printWithout, printWrong } from './lib/report.ts';
import { save, versionsOf } from './lib/report.ts';
import { planOf, selection } from './lib/selection.ts';
import { takeTurns } from './lib/turns.ts';

const selected = selection();
const { smoke, isWhole } = selected;
const [processes, rounds, calls] = smoke ? [1, 1, 20] : [selected.processes ?? 2, 10, 500];
/** The young generation has its full size from the start, so that no collection runs while allocations are counted. */
const execArgv = ['--expose-gc', '--min-semi-space-size=16', ...selected.execArgv];
const [plain, closure] = ['raw fetch', 'by hand, one closure'] as const;

const stubbed = Object.fromEntries(Object.entries(contenders).filter(([, { ownTransport }]) => !ownTransport));
const versions = await versionsOf(Object.values(stubbed).flatMap(({ packages = [] }) => packages));
const plan = planOf(stubbed, versions, selected, [plain, closure]);
const results = await takeTurns<Omit<Task, 'shape'>, Figures>(plan, {
  module: 'overhead',
  execArgv,
  processes,
  rounds,
  task: { calls },
  warmUp: () => ({ calls: 5 * calls }),
  leadIn: { calls },
});

printHead(`Over a stubbed fetch, medians of ${processes} x ${rounds} rounds of ${calls} calls`, versions);
printTable(
  ['features'],
  Object.keys(results).map((name) => [name, stubbed[name]!.features]),
);
const total = ({ time }: Figures): number => time / 1_000;
printMedians('total, us', results, total, { decimals: 1 });
printMedians('total, us', results, total, { over: closure });
printMedians('over the stub, us', results, ({ time, stub }) => (time - stub) / 1_000, { decimals: 1 });
printMedians('over the stub, bytes', results, ({ allocated, stubAllocated }) => allocated - stubAllocated);
printWithout(results, stubbed);
printWrong(results);
if (isWhole) printLeftOut(stubbed, Object.entries(results));

if (isWhole) await save('overhead', { versions, processes, rounds, calls, results });
