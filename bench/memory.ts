/**
 * `npm run bench:memory`: what 10,000 calls in flight hold, and what a million calls leave behind on one signal that
 * outlives them all, over a stubbed fetch. Every contender has a process of its own; results/memory.json has the table.
 * `--smoke`: a hundredth of the calls for kyoa alone, and nothing written.
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
  const task = { contender: name, inFlight, calls: calls / (subjects[name]!.share ?? 1) } satisfies Task;
  measured.push({ name, ...(await inProcess<Figures>('memory', task, ['--expose-gc'])) });
}

printHead(`${inFlight} calls in flight; ${calls} calls, one after another, on one signal`, versions);
printTable(
  ['held by a call in flight, bytes', 'calls on the signal', 'left by all of them, kB', 'listeners left'],
  measured.map(({ name, held, calls, left, listeners }) => [name, held, calls, left / 1_000, listeners]),
);
if (!smoke) printLeftOut(subjects, present);
if (!smoke) await save('memory', { versions, inFlight, calls, measured });

if (measured.some(({ name, listeners }) => name.startsWith('kyoa') && listeners > 0)) process.exitCode = 1;
