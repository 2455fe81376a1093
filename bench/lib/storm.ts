/** A retry storm in virtual time: 1,000 clients with the real policies, and a server whose pool is slow for a while. */
import {
  budget,
  createFetch,
  createHandler,
  hedge,
  limit,
  retry,
  shed,
  timeout,
  type Budget,
  type Fetch,
  type KyoaFetch,
  type Middleware,
} from '../../src/index.ts';
import { lognormal, random } from './simulate.ts';
import { virtualClock } from './virtual-clock.ts';

export interface Scale {
  readonly clients: number;
  /** Calls a second, of all clients. */
  readonly rate: number;
  /** Requests that the pool serves at a time, and while it is slow. */
  readonly pool: number;
  readonly slowPool: number;
  /** Seconds: when the pool is slow, and the whole. */
  readonly slowFrom: number;
  readonly slowTo: number;
  readonly duration: number;
}

/** 1,000 clients of 0.25 calls a second each, and a server with a capacity of 400 requests a second: 40 at a time, 100 ms each. */
export const fullScale: Scale = {
  clients: 1_000,
  rate: 250,
  pool: 40,
  slowPool: 10,
  slowFrom: 10,
  slowTo: 20,
  duration: 60,
};

export interface Series {
  /** Calls that began in a second. */
  readonly calls: readonly number[];
  /** Those of them that got a good response, in that second or later. */
  readonly good: readonly number[];
  /** Requests that reached the server in a second. */
  readonly requests: readonly number[];
}

export interface Variant {
  readonly name: string;
  /** The policies of one client, between `timeout` of the call and that of an attempt. `number` is the client's, from 0. */
  readonly client: (random: () => number) => () => readonly Middleware[];
  readonly server?: () => readonly Middleware[];
}

/** All retries of 1,000 clients: a floor that is right for one process is far too high for each of so many. */
const small = { ratio: 0.2, floor: 0 };

export const variants: readonly Variant[] = [
  { name: 'no retries', client: () => () => [] },
  { name: 'retries without a budget', client: (random) => () => [retry({ random, budget: false })] },
  {
    name: 'and hedges without one',
    client: (random) => () => [retry({ random, budget: false }), hedge({ delay: 500, budget: false })],
  },
  { name: 'a budget of 10 a second each', client: (random) => () => [retry({ random })] },
  { name: 'budgets of 20 %', client: (random) => () => [retry({ random, budget: budget(small) })] },
  {
    name: 'and hedges within them',
    client: (random) => () => {
      const shared = budget(small);
      return [retry({ random, budget: shared }), hedge({ delay: 500, budget: shared })];
    },
  },
  { name: 'a shared limit, no budget', client: withFleetLimit(() => false) },
  { name: 'budgets and a shared limit', client: withFleetLimit(() => budget(small)) },
  { name: 'shed, no budget', client: (random) => () => [retry({ random, budget: false })], server: shedding },
  {
    name: 'budgets and shed',
    client: (random) => () => [retry({ random, budget: budget(small) })],
    server: shedding,
  },
];

/** One object for all clients. Across processes it is `limit({ across })`. */
function withFleetLimit(create: () => Budget | false): Variant['client'] {
  return (random) => {
    const fleet = limit({ rate: { count: 320, window: 1_000 }, queue: 320 });
    return () => [retry({ random, budget: create() }), fleet];
  };
}

function shedding(): readonly Middleware[] {
  return [shed({ random: random(5) })];
}

export async function simulateStorm({ client, server }: Variant, scale: Scale): Promise<Series> {
  using clock = virtualClock();
  const zeros = (): number[] => Array.from({ length: scale.duration + 6 }, () => 0);
  const [begun, good, requests] = [zeros(), zeros(), zeros()];
  const second = (): number => Math.floor(clock.now / 1_000);

  const isSlow = (): boolean => clock.now >= 1_000 * scale.slowFrom && clock.now < 1_000 * scale.slowTo;
  const handle = createHandler(
    { use: server?.() ?? [] },
    pool(() => (isSlow() ? scale.slowPool : scale.pool)),
  );
  const transport: Fetch = (input, init) => {
    requests[second()]! += 1;
    return handleOrLeave(handle, new Request(input), init?.signal ?? undefined);
  };
  const policies = client(random(2));
  const clients = Array.from({ length: scale.clients }, (): KyoaFetch =>
    createFetch({ use: [timeout(5_000), ...policies(), timeout({ headers: 1_000 })], fetch: transport }),
  );

  const draw = random(3);
  const calls: Promise<void>[] = [];
  for (let due = 0; due < 1_000 * scale.duration; due -= (1_000 / scale.rate) * Math.log(1 - draw())) {
    if (due > clock.now) await clock.advance(Math.ceil(due - clock.now));
    const began = second();
    begun[began]! += 1;
    const call = clients[Math.floor(draw() * clients.length)]!('http://shop.example/stock');
    calls.push(
      call.then(
        ({ ok }) => void (ok && (good[began]! += 1)),
        () => {},
      ),
    );
  }
  await clock.advance(5_500);
  await Promise.all(calls);
  return { calls: begun, good, requests };
}

/** A client that leaves has its error at once. The server goes on, as most do: it does not see that no client waits. */
async function handleOrLeave(
  handle: (request: Request) => Promise<Response>,
  request: Request,
  signal: AbortSignal | undefined,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    const leave = (): void => reject(signal!.reason);
    signal?.addEventListener('abort', leave, { once: true });
    handle(request)
      .finally(() => signal?.removeEventListener('abort', leave))
      .then(resolve, reject);
  });
}

/** So many requests are served at a time, 100 ms each on average; the others wait in the order of arrival. */
function pool(size: () => number): () => Promise<Response> {
  const serviceTime = lognormal({ median: 95, sigma: 0.3, random: random(1) });
  const waiting: (() => void)[] = [];
  let first = 0;
  let running = 0;
  const serve = (): void => {
    while (running < size() && first < waiting.length) {
      running += 1;
      waiting[first]!();
      first += 1;
    }
  };
  return async () => {
    await new Promise<void>((resolve) => {
      waiting.push(resolve);
      serve();
    });
    await new Promise((resolve) => setTimeout(resolve, serviceTime()));
    running -= 1;
    serve();
    return new Response('3');
  };
}
