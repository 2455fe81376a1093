/**
 * `npm run bench:transport`: GETs of a short piece of JSON over loopback, 64 in flight, by way of `kyoa/undici` and of
 * its peers. The server answers canned bytes from a bare socket, so that it is not what is measured. Server and clients
 * have processes of their own, the clients three, one after another; every client has its turn in every round, ratios are
 * those within a round, the table shows medians, and results/transport.json all of it. `--smoke`: one short round of kyoa
 * and what comes with Node.
 */
import { parseArgs } from 'node:util';
import { installed, median, printHead, printLeftOut, printTable, save, versionsOf } from './lib/report.ts';
import type { Figures } from './lib/client.ts';
import { contenders } from './lib/transport.ts';
import { rate, ratios, underLoad } from './lib/under-load.ts';

const { smoke, only } = parseArgs({
  options: { smoke: { type: 'boolean', default: false }, only: { type: 'string', default: '' } },
}).values;
/** ms; V8 goes on compiling for four seconds, during which `standard()` gets four times as fast. */
const warmUp = smoke ? 200 : 5_000;
const [processes, rounds, time] = smoke ? [1, 1, 200] : [3, 12, 300];
const inFlight = 64;
const yardstick = 'global fetch';

const versions = await versionsOf(['undici', 'ky', 'ofetch', 'axios', 'got']);
const chosen = Object.fromEntries(
  Object.entries(contenders).filter(
    ([name, { packages }]) => name === yardstick || (new RegExp(only).test(name) && !(smoke && packages)),
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
    median(ratios(mine, all.get(yardstick)!, figure)).toFixed(2);
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
const over = `over the ${yardstick}'s`;
printTable(['requests/s', over, 'CPU, us a request', 'p50, ms', 'over its', 'p99, ms', 'wrong'], table);
printLeftOut(chosen, present);

if (!smoke && only === '') await save('transport', { versions, inFlight, time, rounds: Object.fromEntries(all) });
