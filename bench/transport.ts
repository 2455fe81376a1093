/**
 * `npm run bench:transport`: requests per second, CPU time and latency of `kyoa/undici` and its peers over loopback, 64 in
 * flight, for each shape of a call (bench/lib/shapes.ts).
 *
 * The server has a process of its own and sends fixed bytes from a bare socket, so that it is not the bottleneck. The
 * contenders take turns of 300 ms, in processes that each make the calls of all shapes. Ratios are computed within a round.
 * The tables show medians; bench/results/transport.json has all figures.
 *
 * Contenders other than the main ones are measured in GET only, unless `--shapes=GET,POST of JSON` or `--only=kyoa` limits
 * the run; the global fetch is always measured. `--smoke` runs one short round. A run that is limited writes nothing.
 */
import { inFlight, type Figures } from './lib/client.ts';
import { printHead, printLeftOut, printMedians, printWithout, printWrong, save, versionsOf } from './lib/report.ts';
import { planOf, selection } from './lib/selection.ts';
import { contenders } from './lib/transport.ts';
import { rate, underLoad } from './lib/under-load.ts';

const selected = selection();
const { smoke, isWhole, execArgv } = selected;
/** As in throughput.ts: V8 compiles first, and drops compiled code in a pause. */
const load = smoke
  ? { processes: 1, rounds: 1, time: 50, warmUp: 100, leadIn: 10 }
  : { processes: selected.processes ?? 2, rounds: 4, time: 300, warmUp: 50_000, leadIn: 3_000 };
const reference = 'global fetch';

const versions = await versionsOf(Object.values(contenders).flatMap(({ packages = [] }) => packages));
const plan = planOf(contenders, versions, selected, [reference]);
const results = await underLoad('./transport.ts', plan, { ...load, execArgv });

printHead(
  `Over loopback, ${inFlight} in flight, medians of ${load.processes} x ${load.rounds} rounds of ${load.time} ms, after ${load.warmUp} requests, and ${load.leadIn} before each round`,
  versions,
);
const figures: Readonly<Record<string, (figures: Figures) => number>> = {
  'requests/s': rate,
  'CPU, us a request': ({ cpu }) => cpu,
  'p50, ms': ({ p50 }) => p50,
  'p99, ms': ({ p99 }) => p99,
};
for (const [title, figure] of Object.entries(figures)) {
  printMedians(title, results, figure, { decimals: title.endsWith('ms') ? 2 : 0 });
  printMedians(title, results, figure, { over: reference });
}
printWithout(results, contenders);
printWrong(results);
if (isWhole) printLeftOut(contenders, Object.entries(results));

if (isWhole) await save('transport', { versions, inFlight, ...load, results });
