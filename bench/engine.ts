/**
 * `npm run bench:engine`: what the mechanisms of src/core/engine save. Each is replaced by the simple code that it is there
 * to avoid (bench/lib/without), one at a time, in a process of its own and by turns; the table shows medians of the
 * rounds, and results/engine.json all of it. `--smoke` does one small round and writes nothing.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';

import type { Figures, Task } from './lib/engine.ts';
import { median, printHead, printTable, save, versionsOf } from './lib/report.ts';
import { inProcess, interleaved } from './lib/rounds.ts';

const smoke = process.argv.includes('--smoke');
const rounds = smoke ? 1 : 3;
const load = smoke ? { chunks: 2, calls: 200, time: 200 } : { chunks: 20, calls: 1_000, time: 3_000 };
const execArgv = ['--expose-gc', '--min-semi-space-size=16'];

const variants: Readonly<Record<string, string | undefined>> = {
  'as it is': undefined,
  'a Request for every call': 'lazy-request',
  'an AbortSignal for every branch': 'lazy-abort',
  'a WeakMap for private state': 'private-state',
};

const server = fork(new URL('lib/json-server.ts', import.meta.url), { execArgv: [] });
const [origin] = (await once(server, 'message')) as [string];
const measured = await interleaved(rounds, Object.keys(variants), (name) => {
  const without = variants[name];
  return inProcess<Figures>('engine', { ...(without && { without }), ...load, origin } satisfies Task, execArgv);
});
server.disconnect();

const versions = await versionsOf([]);
printHead(`GET to JSON through standard(), medians of ${rounds} rounds`, versions);
const of = (name: string, figure: keyof Figures): number =>
  median(measured.filter((one) => one.name === name).map(({ figures }) => figures[figure]));
const rows = Object.keys(variants).map((name) => [
  name,
  (of(name, 'time') / 1_000).toFixed(1),
  of(name, 'allocated'),
  of(name, 'left'),
  of(name, 'cpu').toFixed(1),
  of(name, 'rate'),
]);
printTable(
  ['over a stub, us', 'allocated, bytes', 'left in the old space, bytes', 'CPU under load, us', 'requests/s'],
  rows,
);
if (!smoke) await save('engine', { versions, rounds, ...load, measured });
