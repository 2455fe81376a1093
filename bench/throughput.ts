/**
 * `npm run bench:throughput`: GETs of a short piece of JSON over loopback, 64 in flight, by way of the global fetch and of
 * whoever has a transport of its own. Server and clients have processes of their own, the clients five, one after
 * another; every client has its turn in every round, ratios are those within a round, the table shows medians, and
 * results/throughput.json all of it. `--only=kyoa` measures those whose name matches, beside plain fetch and the closure
 * by hand; `--smoke` does one short round of these and kyoa, and writes nothing.
 */
import { parseArgs } from 'node:util';
import { contenders } from './lib/contenders.ts';
import { installed, median, printHead, printLeftOut, printTable, save, versionsOf } from './lib/report.ts';
import { rate, ratios, underLoad } from './lib/under-load.ts';

const { smoke, only } = parseArgs({
  options: { smoke: { type: 'boolean', default: false }, only: { type: 'string', default: '' } },
}).values;
/** ms; V8 goes on compiling for four seconds, during which `standard()` gets four times as fast. */
const warmUp = smoke ? 200 : 4_000;
const [processes, rounds, time] = smoke ? [1, 1, 200] : [5, 1, 1_000];
const inFlight = 64;
const [plain, yardstick] = ['raw fetch', 'by hand, one closure'] as const;

const versions = await versionsOf(Object.values(contenders).flatMap(({ packages = [] }) => packages));
const chosen = new RegExp(smoke ? '^kyoa' : only);
const present = installed(contenders, versions).filter(
  ([name]) => name === plain || name === yardstick || chosen.test(name),
);

const names = present.map(([name]) => name);
const all = await underLoad('./contenders.ts', names, { processes, warmUp, rounds, time, inFlight });

printHead(
  `GET of JSON over loopback, ${inFlight} in flight, medians of ${processes} x ${rounds} rounds of ${time} ms, after ${warmUp} ms`,
  versions,
);
const rows = present.map(([name, { has }]) => {
  const mine = all.get(name)!;
  const to = (other: string): string => median(ratios(mine, all.get(other)!, rate)).toFixed(2);
  const wrong = mine.reduce((sum, { wrong }) => sum + wrong, 0);
  return [name, has, median(mine.map(rate)), to(plain), to(yardstick), median(mine.map(({ cpu }) => cpu)), wrong];
});
printTable(['has', 'requests/s', '/ raw fetch', '/ by hand', 'CPU, us a request', 'wrong'], rows);
if (!smoke && only === '') printLeftOut(contenders, present);

if (!smoke && only === '') await save('throughput', { versions, inFlight, time, rounds: Object.fromEntries(all) });
