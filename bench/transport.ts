/**
 * `npm run bench:transport`: requests per second, CPU time and latency of `kyoa/undici` and its peers, for GETs of a short
 * JSON document over loopback, 64 in flight.
 *
 * The server has a process of its own and sends fixed bytes from a bare socket, so that it is not the bottleneck. Every
 * contender has three processes, one after another, which take turns with those of the others. Ratios are computed within
 * a round. The table shows medians; bench/results/transport.json has all figures.
 *
 * `--only=kyoa` measures the contenders whose name matches, and the global fetch. `--smoke` runs one short round without
 * the peers that must be installed. Both write nothing.
 */
import { parseArgs } from 'node:util';
import { installed, median, printHead, printLeftOut, printTable, save, versionsOf } from './lib/report.ts';
import type { Figures } from './lib/client.ts';
import { contenders } from './lib/transport.ts';
import { rate, ratios, underLoad } from './lib/under-load.ts';

const { smoke, only } = parseArgs({
  options: { smoke: { type: 'boolean', default: false }, only: { type: 'string', default: '' } },
}).values;
/** ms. V8 compiles for about four seconds under load; in that time `standard()` becomes four times as fast. */
const warmUp = smoke ? 200 : 5_000;
const [processes, rounds, time] = smoke ? [1, 1, 200] : [3, 12, 300];
const inFlight = 64;
const reference = 'global fetch';

const versions = await versionsOf(['undici', 'ky', 'ofetch', 'axios', 'got']);
const chosen = Object.fromEntries(
  Object.entries(contenders).filter(
    ([name, { packages }]) => name === reference || (new RegExp(only).test(name) && !(smoke && packages)),
  ),
);
const present = installed(chosen, versions);

const names = present.map(([name]) => name);
const all = await underLoad('./transport.ts', names, { processes, warmUp, rounds, time, inFlight });

printHead(
  `GET of JSON over loopback, ${inFlight} in flight, medians of ${processes} x ${rounds} rounds of ${time} ms, after ${warmUp} ms`,
  versions,
);
const p50 = (figures: Figures): number => figures.p50;
const table = present.map(([name]) => {
  const mine = all.get(name)!;
  const over = (figure: (figures: Figures) => number): string =>
    median(ratios(mine, all.get(reference)!, figure)).toFixed(2);
  return [
    name,
    median(mine.map(rate)),
    over(rate),
    median(mine.map(({ cpu }) => cpu)),
    median(mine.map(p50)).toFixed(2),
    over(p50),
    median(mine.map(({ p99 }) => p99)).toFixed(2),
    mine.reduce((sum, { wrong }) => sum + wrong, 0),
  ];
});
const over = `over the ${reference}'s`;
printTable(['requests/s', over, 'CPU, us a request', 'p50, ms', `p50 ${over}`, 'p99, ms', 'wrong responses'], table);
printLeftOut(chosen, present);

if (!smoke && only === '') await save('transport', { versions, inFlight, time, rounds: Object.fromEntries(all) });
