/**
 * `npm run bench:tail`: the latency percentiles with hedging, and its extra requests.
 *
 * The server has a process of its own and seeded latencies: in a round, each contender gets the same sequence. The rounds
 * are interleaved. Percentiles are computed over all rounds together, and the server counts the extra requests. The last
 * row is computed without a network: it is the result of one copy at the true quantile. There is no peer, because the
 * published version of ffetch has no hedging. bench/results/tail.json has all figures. `--smoke` runs one small round and
 * writes nothing.
 *
 * The npm script sets a young generation of 1 MB. With V8's default, the garbage of fetch causes collections of 20 to
 * 60 ms. They delay every call in flight, including the copies, so hedging cannot avoid them.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { cpus, loadavg } from 'node:os';
import { createFetch, hedge, type Fetch } from '../src/index.ts';
import { random } from './lib/simulate.ts';
import { shapes, type Shape } from './lib/tail-server.ts';

const smoke = process.argv.includes('--smoke');
const [rounds, calls] = smoke ? [1, 300] : [6, 4_000];
/** Calls in flight: so few that calls do not wait for one of two cores, and only the latencies of the server count. */
const lanes = 8;

const ratios: Record<Shape, number> = { 'two modes': 0.02, 'long tail': 0.065 };

const server = fork(new URL('lib/tail-server.ts', import.meta.url));
const [origin] = (await once(server, 'message')) as [string];

interface Round {
  readonly shape: Shape;
  readonly contender: string;
  readonly latencies: readonly number[];
  /** Requests that the server got. */
  readonly upstream: number;
}

const machine = `${cpus().length} x ${cpus()[0]!.model}, load ${loadavg()[0]!.toFixed(1)}`;
console.log(`${machine}; node ${process.version}, undici ${process.versions['undici']}`);
console.log(`${rounds} rounds of ${calls} calls, ${lanes} in flight\n`);

const all: Round[] = [];
for (const shape of Object.keys(ratios) as Shape[]) {
  const ratio = ratios[shape];
  const past = await play(shape, 'warm-up', fetch, 1); // fills the pool, and gives the delays of the hedges by hand
  await play(shape, 'warm-up', createFetch({ use: [hedge({ ratio })] }), 1); // compiles; its history is discarded
  const p95 = quantile(past.latencies, 0.95);
  const contenders: Record<string, Fetch> = {
    'plain fetch': fetch,
    [`kyoa hedge({ ratio: ${ratio} })`]: createFetch({ use: [hedge({ ratio })] }),
    'by hand, delay at the p95, known in advance': hedgeByHand(p95),
    'by hand, delay at that ratio, known in advance': hedgeByHand(quantile(past.latencies, 1 - ratio)),
  };
  for (let round = 0; round < rounds; round += 1) {
    for (const [name, fetch] of Object.entries(contenders)) all.push(await play(shape, name, fetch, 2 + round));
  }
  report(shape, Object.keys(contenders));
  reportIdeal(shape, ratio);
}
server.disconnect();

async function play(shape: Shape, contender: string, fetch: Fetch, seed: number): Promise<Round> {
  await (await globalThis.fetch(`${origin}/start?seed=${seed}&shape=${encodeURIComponent(shape)}`)).text();
  const latencies: number[] = [];
  let left = calls;
  const lane = async (): Promise<void> => {
    while ((left -= 1) >= 0) {
      const started = performance.now();
      await (await fetch(`${origin}/item`)).json();
      latencies.push(performance.now() - started);
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  const upstream = Number(await (await globalThis.fetch(`${origin}/count`)).text());
  return { shape, contender, latencies, upstream };
}

/** The simplest hedge: the delay is known, there is no budget, and no request fails. */
function hedgeByHand(delay: number): Fetch {
  return async (input) => {
    const [first, second] = [new AbortController(), new AbortController()];
    const original = fetch(input, { signal: first.signal });
    let timer: ReturnType<typeof setTimeout>;
    const copy = new Promise<Response>((resolve, reject) => {
      timer = setTimeout(() => fetch(input, { signal: second.signal }).then(resolve, reject), delay);
    });
    const mine = original.then((response) => ({ response, loser: second }));
    const other = copy.then((response) => ({ response, loser: first }));
    for (const runner of [mine, other]) runner.catch(() => undefined);
    const { response, loser } = await Promise.race([mine, other]);
    clearTimeout(timer!);
    loser.abort();
    return response;
  };
}

function report(shape: Shape, contenders: readonly string[]): void {
  console.log(`${shape}, ms\n`);
  console.log('| | p50 | p99 | p99.9 | extra requests | p99 by round |');
  console.log('|---|---|---|---|---|---|');
  for (const contender of contenders) {
    const mine = all.filter((round) => round.shape === shape && round.contender === contender);
    const latencies = mine.flatMap((round) => round.latencies);
    const upstream = mine.reduce((sum, round) => sum + round.upstream, 0);
    const byRound = mine.map((round) => quantile(round.latencies, 0.99));
    const cells = [0.5, 0.99, 0.999].map((q) => quantile(latencies, q).toFixed(0));
    const extra = `${(100 * (upstream / latencies.length - 1)).toFixed(2)} %`;
    const span = `${Math.min(...byRound).toFixed(0)} to ${Math.max(...byRound).toFixed(0)}`;
    console.log(`| ${contender} | ${cells.join(' | ')} | ${extra} | ${span} |`);
  }
}

/** Computes one copy at the true quantile: a call ends with its original or with its copy, whichever is first. */
function reportIdeal(shape: Shape, ratio: number): void {
  const draw = shapes[shape](random(1));
  const delay = quantile(Array.from({ length: 1_000_000 }, draw), 1 - ratio);
  let copies = 0;
  const latencies = Array.from({ length: 1_000_000 }, () => {
    const original = draw();
    if (original <= delay) return original;
    copies += 1;
    return Math.min(original, delay + draw());
  });
  const cells = [0.5, 0.99, 0.999].map((q) => quantile(latencies, q).toFixed(0));
  console.log(`| in theory | ${cells.join(' | ')} | ${((100 * copies) / latencies.length).toFixed(2)} % | |\n`);
}

if (!smoke) {
  const file = new URL('results/tail.json', import.meta.url);
  const results = all.map(({ latencies, ...round }) => ({
    ...round,
    calls,
    ...Object.fromEntries([0.5, 0.9, 0.95, 0.99, 0.999, 1].map((q) => [`p${q * 100}`, quantile(latencies, q)])),
  }));
  await mkdir(new URL('.', file), { recursive: true });
  await writeFile(file, `${JSON.stringify({ machine, node: process.version, lanes, rounds: results }, null, 2)}\n`);
}

function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)]!;
}
