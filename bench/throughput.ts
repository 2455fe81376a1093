/**
 * `npm run bench:throughput`: requests per second and CPU time for GETs of a short JSON document over loopback, 64 in
 * flight. The contenders use the global fetch or, where they have one, their own transport.
 *
 * The server has a process of its own. Every contender has five processes, one after another, which take turns with those
 * of the others. Ratios are computed within a round. The table shows medians; bench/results/throughput.json has all
 * figures.
 *
 * `--only=kyoa` measures the contenders whose name matches, and also plain fetch and the closure written by hand.
 * `--smoke` runs one short round of kyoa and of these two. Both write nothing.
 */
import { parseArgs } from 'node:util';
import { contenders } from './lib/contenders.ts';
import { installed, median, printHead, printLeftOut, printTable, save, versionsOf } from './lib/report.ts';
import { rate, ratios, underLoad } from './lib/under-load.ts';

const { smoke, only } = parseArgs({
  options: { smoke: { type: 'boolean', default: false }, only: { type: 'string', default: '' } },
}).values;
/** ms. V8 compiles for about four seconds under load; in that time `standard()` becomes four times as fast. */
const warmUp = smoke ? 200 : 4_000;
const [processes, rounds, time] = smoke ? [1, 1, 200] : [5, 1, 1_000];
const inFlight = 64;
const [plain, closure] = ['raw fetch', 'by hand, one closure'] as const;

const versions = await versionsOf(Object.values(contenders).flatMap(({ packages = [] }) => packages));
const chosen = new RegExp(smoke ? '^kyoa' : only);
const present = installed(contenders, versions).filter(
  ([name]) => name === plain || name === closure || chosen.test(name),
);

const names = present.map(([name]) => name);
const all = await underLoad('./contenders.ts', names, { processes, warmUp, rounds, time, inFlight });

printHead(
  `GET of JSON over loopback, ${inFlight} in flight, medians of ${processes} x ${rounds} rounds of ${time} ms, after ${warmUp} ms`,
  versions,
);
const rows = present.map(([name, { features }]) => {
  const mine = all.get(name)!;
  const to = (other: string): string => median(ratios(mine, all.get(other)!, rate)).toFixed(2);
  const wrong = mine.reduce((sum, { wrong }) => sum + wrong, 0);
  return [name, features, median(mine.map(rate)), to(plain), to(closure), median(mine.map(({ cpu }) => cpu)), wrong];
});
printTable(
  ['features', 'requests/s', "over raw fetch's", "over the closure's", 'CPU, us a request', 'wrong responses'],
  rows,
);
if (!smoke && only === '') printLeftOut(contenders, present);

if (!smoke && only === '') await save('throughput', { versions, inFlight, time, rounds: Object.fromEntries(all) });
