/**
 * `npm run bench:cold`: the first 100 calls of a new process, one after another, as a page or a function that has just
 * started makes them. `bench:startup` measures the import of the built package; here it is that of the source, without the
 * time of the calls.
 *
 * Every contender has one process per round, shape and transport: the global fetch over loopback, and a stub. The tables
 * show medians of 15 rounds; bench/results/cold.json has all figures.
 *
 * `--shapes=Request given` names other shapes, `--only=kyoa` contenders; the closure written by hand is always measured.
 * `--processes=30` runs as many rounds. `--smoke` runs one. A run that is limited writes nothing.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import type { Figures, Task } from './lib/cold.ts';
import { contenders } from './lib/contenders.ts';
import { printHead, printMedians, printWrong, save, versionsOf } from './lib/report.ts';
import { inProcess } from './lib/rounds.ts';
import { planOf, selection } from './lib/selection.ts';
import { inRounds } from './lib/turns.ts';

const selected = selection(['GET', 'POST of JSON']);
const { smoke, isWhole } = selected;
const rounds = smoke ? 1 : (selected.processes ?? 15);
const calls = 100;
const closure = 'by hand, one closure';

const main = Object.fromEntries(Object.entries(contenders).filter(([, { main }]) => main));
const versions = await versionsOf(Object.values(main).flatMap(({ packages = [] }) => packages));
const plan = planOf(main, versions, selected, [closure]);

const server = fork(new URL('lib/json-server.ts', import.meta.url), { execArgv: [] });
const [origin] = (await once(server, 'message')) as [string];
printHead(`The first ${calls} calls of a process, medians of ${rounds} rounds`, versions);
const transports = { 'over loopback': { origin }, 'over a stub': {} };
const all: Record<string, object> = {};
for (const [where, transport] of Object.entries(transports)) {
  const results = await inRounds<Figures>(plan, rounds, (contender, shape) =>
    inProcess<Figures>('cold', { contender, shape, calls, ...transport } satisfies Task, selected.execArgv),
  );
  const time = (figures: Figures): number => figures.calls;
  printMedians(`${where}, ms`, results, time, { decimals: 1 });
  printMedians(`${where}, ms`, results, time, { over: closure });
  printMedians('import of the source, ms', results, ({ load }) => load, { decimals: 1 });
  printWrong(results);
  all[where] = results;
}
server.disconnect();

if (isWhole) await save('cold', { versions, rounds, calls, ...all });
