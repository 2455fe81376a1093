/**
 * `npm run bench:onion`: the cost of a middleware that only passes the call through, in a stack of twelve.
 *
 * All contenders take turns in one process. The table shows medians of 21 rounds; bench/results/onion.json has all
 * figures. `--smoke` runs one small round and writes nothing.
 */
import { createContext, type Context, type Handler, type Middleware } from '../src/core/context.ts';
import { LazyAbortController } from '../src/core/engine/lazy-abort.ts';
import { GivenRequest } from '../src/core/engine/lazy-request.ts';
import { compose, memory } from '../src/index.ts';
import { installed, median, printHead, printLeftOut, printTable, save, versionsOf } from './lib/report.ts';

const smoke = process.argv.includes('--smoke');
const [rounds, calls] = smoke ? [1, 2_000] : [21, 50_000];
const layers = 12;

const response = new Response(null);
const terminal: Handler = async () => response;
const call = { options: {}, transport: {}, storage: memory(), side: 'client', stack: [], started: 0, sent: 0 } as const;
const ctx = createContext(call, new GivenRequest(new Request('http://api.example/')), new LazyAbortController());

type KoaLayer = (context: Context, next: () => Promise<unknown>) => Promise<unknown>;
type Onion = (depth: number) => () => Promise<unknown>;

const onions: Record<string, { readonly packages?: readonly string[]; readonly make: () => Onion | Promise<Onion> }> = {
  'kyoa compose, a layer that returns next()': {
    make: () => ofKyoa((_ctx, next) => next()),
  },
  'kyoa compose, an async layer': {
    make: () => ofKyoa(async (_ctx, next) => next()),
  },
  'koa-compose, a layer that returns next()': {
    packages: ['koa-compose'],
    make: () => ofKoa((_ctx, next) => next()),
  },
  'koa-compose, an async layer': {
    packages: ['koa-compose'],
    make: () => ofKoa(async (_ctx, next) => next()),
  },
  'by hand, an async function around another': {
    make: () => (depth) => {
      let run: () => Promise<unknown> = () => terminal(ctx);
      for (let layer = 0; layer < depth; layer += 1) {
        const inner = run;
        run = async () => inner();
      }
      return run;
    },
  },
};

function ofKyoa(layer: Middleware): Onion {
  return (depth) => {
    const run = compose(Array<Middleware>(depth).fill(layer), terminal);
    return () => run(ctx);
  };
}

async function ofKoa(layer: KoaLayer): Promise<Onion> {
  const name = 'koa-compose'; // a variable: the compiler would report that the package is not installed
  const { default: compose } = (await import(name)) as { default: (layers: readonly KoaLayer[]) => KoaLayer };
  return (depth) => {
    const run = compose(Array<KoaLayer>(depth).fill(layer));
    return () => run(ctx, () => terminal(ctx));
  };
}

const versions = await versionsOf(Object.values(onions).flatMap(({ packages = [] }) => packages));
const present = installed(onions, versions);
const made = await Promise.all(present.map(async ([name, { make }]) => [name, await make()] as const));

const figures = new Map<string, number[]>(made.map(([name]) => [name, []]));
for (const [, onion] of made) await perLayer(onion);
for (let round = 0; round < rounds; round += 1) {
  for (const [name, onion] of made) figures.get(name)!.push(await perLayer(onion));
}

printHead(`ns a layer, onion of ${layers}, medians of ${rounds} rounds of ${calls} calls`, versions);
printTable(
  ['ns a layer'],
  made.map(([name]) => [name, median(figures.get(name)!)]),
);
printLeftOut(onions, present);
if (!smoke) await save('onion', { versions, layers, rounds, calls, figures: Object.fromEntries(figures) });

async function perLayer(onion: Onion): Promise<number> {
  return ((await time(onion(layers))) - (await time(onion(0)))) / layers;
}

/** The time of a call, ns. */
async function time(run: () => Promise<unknown>): Promise<number> {
  const started = process.hrtime.bigint();
  for (let call = 0; call < calls; call += 1) await run();
  return Number(process.hrtime.bigint() - started) / calls;
}
