/**
 * `npm run bench:engine`: what the mechanisms of src/core/engine save. Each is replaced by the simple code that it is there
 * to avoid (bench/lib/without), one at a time, in a process of its own and by turns; the tables show medians of the rounds,
 * and results/engine.json all of it. `--shapes=POST of JSON` names the shapes of the calls; a run that names any writes
 * nothing. `--smoke` does one small round and writes nothing.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';

import type { Figures, Task } from './lib/engine.ts';
import { printHead, printMedians, printWrong, save, versionsOf } from './lib/report.ts';
import { inProcess } from './lib/rounds.ts';
import { selection } from './lib/selection.ts';
import { inRounds } from './lib/turns.ts';

const { smoke, shapes, processes, execArgv: flags, isWhole } = selection(['GET', 'POST of JSON']);
const rounds = smoke ? 1 : (processes ?? 3);
const load = smoke ? { chunks: 2, calls: 200, time: 200 } : { chunks: 20, calls: 1_000, time: 3_000 };
const execArgv = ['--expose-gc', '--min-semi-space-size=16', ...flags];

const variants: Readonly<Record<string, string | undefined>> = {
  'as it is': undefined,
  'a Request for every call': 'lazy-request',
  'an AbortSignal for every branch': 'lazy-abort',
  'a WeakMap for private state': 'private-state',
};

const server = fork(new URL('lib/json-server.ts', import.meta.url), { execArgv: [] });
const [origin] = (await once(server, 'message')) as [string];
const plan = Object.fromEntries(Object.keys(variants).map((name) => [name, shapes]));
const results = await inRounds(plan, rounds, (name, shape) => {
  const without = variants[name];
  return inProcess<Figures>('engine', { ...(without && { without }), shape, ...load, origin } satisfies Task, execArgv);
});
server.disconnect();

const versions = await versionsOf([]);
printHead(`Through standard(), medians of ${rounds} rounds`, versions);
printMedians('over a stub, us', results, ({ time }) => time / 1_000, { decimals: 1 });
printMedians('allocated, bytes', results, ({ allocated }) => allocated);
printMedians('left in the old space, bytes', results, ({ left }) => left);
printMedians('CPU under load, us', results, ({ cpu }) => cpu, { decimals: 1 });
printMedians('requests/s', results, ({ rate }) => rate);
printWrong(results);
if (isWhole) await save('engine', { versions, rounds, ...load, results });
