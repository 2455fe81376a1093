/**
 * `npm run bench:throughput`: requests per second and CPU time over loopback, 64 in flight, for each shape of a call
 * (bench/lib/shapes.ts). The contenders use the global fetch or, where they have one, their own transport.
 *
 * The server has a process of its own. The contenders take turns of 300 ms, in processes that each make the calls of all
 * shapes. Ratios are computed within a round. The tables show medians; bench/results/throughput.json has all figures.
 *
 * Contenders other than the main ones are measured in GET only, unless `--shapes=GET,POST of JSON` or `--only=kyoa` limits
 * the run; plain fetch and the closure written by hand are always measured. `--smoke` runs one short round. A run that is
 * limited writes nothing.
 */
import { contenders } from './lib/contenders.ts';
import { inFlight, type Figures } from './lib/client.ts';
import { printHead, printLeftOut, printMedians, printTable, printWithout, printWrong } from './lib/report.ts';
import { save, versionsOf } from './lib/report.ts';
import { planOf, selection } from './lib/selection.ts';
import { rate, underLoad } from './lib/under-load.ts';

const selected = selection();
const { smoke, isWhole, execArgv } = selected;
/** V8 compiles during the first 5,000 requests of each shape; `standard()` becomes twice as fast. */
const load = smoke
  ? { processes: 1, rounds: 1, time: 50, warmUp: 100, leadIn: 10 }
  : { processes: selected.processes ?? 2, rounds: 4, time: 300, warmUp: 50_000, leadIn: 3_000 };
const [plain, closure] = ['raw fetch', 'by hand, one closure'] as const;

const versions = await versionsOf(Object.values(contenders).flatMap(({ packages = [] }) => packages));
const plan = planOf(contenders, versions, selected, [plain, closure]);
const results = await underLoad('./contenders.ts', plan, { ...load, execArgv });

printHead(
  `Over loopback, ${inFlight} in flight, medians of ${load.processes} x ${load.rounds} rounds of ${load.time} ms, after ${load.warmUp} requests, and ${load.leadIn} before each round`,
  versions,
);
printTable(
  ['features'],
  Object.keys(results).map((name) => [name, contenders[name]!.features]),
);
printMedians('requests/s', results, rate);
printMedians('requests/s', results, rate, { over: plain });
printMedians('requests/s', results, rate, { over: closure });
const cpu = (figures: Figures): number => figures.cpu;
printMedians('CPU, us a request', results, cpu);
printMedians('CPU, us a request', results, cpu, { over: plain });
printMedians('CPU, us a request', results, cpu, { over: closure });
printWithout(results, contenders);
printWrong(results);
if (isWhole) printLeftOut(contenders, Object.entries(results));

if (isWhole) await save('throughput', { versions, inFlight, ...load, results });
