/**
 * `npm run bench:throughput`: GETs of a short piece of JSON over loopback, 64 in flight, a server in a process of its own.
 * Every contender has its turn in every round, in a process of its own; ratios are those within a round, the table shows
 * their medians, and results/throughput.json all of it. `--only=kyoa` measures those whose name matches, beside plain
 * fetch and the closure by hand; `--smoke` does one small round of these and kyoa, and writes nothing.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { contenders } from './lib/contenders.ts';
import { installed, median, printHead, printLeftOut, printTable, save, versionsOf } from './lib/report.ts';
import { inProcess, interleaved } from './lib/rounds.ts';
import type { Figures, Task } from './lib/throughput.ts';

const { smoke, only } = parseArgs({
  options: { smoke: { type: 'boolean', default: false }, only: { type: 'string', default: '' } },
}).values;
const [rounds, calls] = smoke ? [1, 4_000] : [9, 10_000];
const inFlight = 64;
const [plain, yardstick] = ['raw fetch', 'by hand, one closure'] as const;

const versions = await versionsOf(Object.values(contenders).flatMap(({ packages = [] }) => packages));
const chosen = new RegExp(smoke ? '^kyoa' : only);
const present = installed(contenders, versions).filter(
  ([name]) => name === plain || name === yardstick || chosen.test(name),
);

const server = fork(new URL('lib/json-server.ts', import.meta.url), { execArgv: [] });
const [url] = (await once(server, 'message')) as [string];
const names = present.map(([name]) => name);
const measured = await interleaved(rounds, names, (contender) =>
  inProcess<Figures>('throughput', { contender, url, inFlight, calls } satisfies Task),
);
server.disconnect();

printHead(`GET of JSON over loopback, ${inFlight} in flight, medians of ${rounds} rounds of ${calls} calls`, versions);
const of = (name: string, figure: keyof Figures): number[] =>
  measured.filter((one) => one.name === name).map(({ figures }) => figures[figure]);
const ratio = (name: string, to: string): string =>
  median(of(name, 'rate').map((rate, round) => rate / of(to, 'rate')[round]!)).toFixed(2);
const rows = present.map(([name, { has }]) => {
  const [rate, cpu] = [median(of(name, 'rate')), median(of(name, 'cpu'))];
  return [name, has, rate, ratio(name, plain), ratio(name, yardstick), cpu];
});
printTable(['has', 'requests/s', '/ raw fetch', '/ by hand', 'CPU, us a request'], rows);
if (!smoke && only === '') printLeftOut(contenders, present);

if (!smoke) await save('throughput', { versions, inFlight, rounds, calls, measured });
