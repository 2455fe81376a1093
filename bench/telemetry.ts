/**
 * `npm run bench:telemetry`: the cost of telemetry. It measures a call from request to parsed JSON over a stubbed fetch,
 * through the standard stack with and without telemetry.
 *
 * All stacks take turns in one process. The table shows medians of 41 rounds, and the ratio to the stack without
 * telemetry; bench/results/telemetry.json has the table. `--smoke` runs two short rounds and writes nothing.
 */
import { Registry } from 'prom-client';

import { opentelemetry } from '../adapters/telemetry/opentelemetry.ts';
import { prometheus } from '../adapters/telemetry/prometheus.ts';
import { createFetch, log, metrics, observe, standard, trace, type KyoaFetch, type Middleware } from '../src/index.ts';
import { median, printHead, printTable, save, versionsOf } from './lib/report.ts';

const smoke = process.argv.includes('--smoke');
const [rounds, calls] = smoke ? [2, 200] : [41, 2_000];
const url = 'http://api.example/users/7?page=2';

let written = 0;
const logger = log({ service: 'shop', write: (line) => (written += line.length) });
const otel = opentelemetry();

const stacks: Readonly<Record<string, readonly Middleware[]>> = {
  'standard()': standard(),
  'with observe(() => {})': [observe(() => {}), ...standard()],
  'with log': [logger, ...standard()],
  'with metrics': [metrics(), ...standard()],
  'with trace': [...standard(), trace()],
  'with log + trace + metrics': [logger, metrics(), ...standard(), trace()],
  'with prometheus': [prometheus({ registry: new Registry() }), ...standard()],
  'with opentelemetry, no SDK': [otel, ...standard(), otel.attempt],
};

const contenders = Object.entries(stacks).map(([name, use]) => ({
  name,
  fetch: createFetch({ use, fetch: async () => new Response('{"ok":true}') }),
  times: [] as number[],
}));

for (const { fetch } of contenders) await run(fetch); // warm-up
for (let round = 0; round < rounds; round += 1) {
  for (const { fetch, times } of contenders) times.push(await run(fetch));
}

const [plain] = contenders;
const table = contenders.map(({ name, times }) => ({
  name,
  cost: median(times),
  // Ratios are computed within a round, so that other load affects both sides.
  ratio: median(times.map((time, round) => time / plain!.times[round]!)),
}));
const versions = await versionsOf(['prom-client', '@opentelemetry/api']);
printHead(`A call over a stubbed fetch, request to JSON, medians of ${rounds} rounds of ${calls} calls`, versions);
printTable(
  ['us a call', 'ratio'],
  table.map(({ name, cost, ratio }) => [name, cost.toFixed(1), ratio.toFixed(2)]),
);
if (written === 0) process.exitCode = 1;

if (!smoke) await save('telemetry', { versions, rounds, calls, table });

/** The time of a call, us. */
async function run(fetch: KyoaFetch): Promise<number> {
  const started = performance.now();
  for (let call = 0; call < calls; call += 1) await (await fetch(url)).json();
  return ((performance.now() - started) * 1_000) / calls;
}
