/**
 * `npm run bench:memory`: the memory that 10,000 calls in flight hold, and the memory and listeners that remain after a
 * million calls on one signal that outlives them. The fetch is a stub.
 *
 * Every contender is measured in a process of its own. bench/results/memory.json has the table. `--smoke` measures only
 * kyoa, with a hundredth of the calls, and writes nothing.
 */
import type { Figures, Task } from './lib/memory.ts';
import { subjects } from './lib/memory.ts';
import { installed, printHead, printLeftOut, printTable, save, versionsOf } from './lib/report.ts';
import { inProcess } from './lib/rounds.ts';

const smoke = process.argv.includes('--smoke');
const [inFlight, calls] = smoke ? [100, 10_000] : [10_000, 1_000_000];

const versions = await versionsOf(Object.values(subjects).flatMap(({ packages = [] }) => packages));
const present = installed(subjects, versions).filter(([name]) => !smoke || name.startsWith('kyoa'));
const measured: ({ readonly name: string } & Figures)[] = [];
for (const [name] of present) {
  const task = { contender: name, inFlight, calls: calls / (subjects[name]!.divisor ?? 1) } satisfies Task;
  measured.push({ name, ...(await inProcess<Figures>('memory', task, ['--expose-gc'])) });
}

printHead(`${inFlight} calls in flight; ${calls} calls, one after another, on one signal`, versions);
printTable(
  ['held by a call in flight, bytes', 'calls on the signal', 'retained after all of them, kB', 'listeners left'],
  measured.map(({ name, held, calls, retained, listeners }) => [name, held, calls, retained / 1_000, listeners]),
);
if (!smoke) printLeftOut(subjects, present);
if (!smoke) await save('memory', { versions, inFlight, calls, measured });

if (measured.some(({ name, listeners }) => name.startsWith('kyoa') && listeners > 0)) process.exitCode = 1;
