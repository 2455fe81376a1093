/**
 * Measures one outage with one contender: it makes calls at a steady rate while the server works, fails, and works again.
 * `bench/outage.ts` runs this module in a process of its own, with a server of its own.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { unixTime, type Order, type Outage, type Reply } from './outage-server.ts';
import { load } from './load.ts';

export interface Task {
  readonly contender: string;
  readonly outage: Outage;
  /** Calls a second. */
  readonly rate: number;
  /** How long the server works before it fails, ms. */
  readonly healthy: number;
  /** How long the server fails, ms. */
  readonly down: number;
  /** The last part of the outage, which is also counted separately, ms. By then all retries run and circuits are open. */
  readonly end: number;
  /** How long all calls must succeed until the client counts as recovered, ms. */
  readonly steady: number;
  /** How long after the recovery of the server the run waits for the client to recover, ms. */
  readonly patience: number;
}

export interface Figures {
  /** Requests that the server received per call: in the whole outage, and in its last part. */
  readonly whole: number | null;
  readonly end: number | null;
  /** The same in the first second after the outage: the load on a server that has just recovered. */
  readonly after: number | null;
  /**
   * From the recovery of the server to the first response after which no call fails, ms; `null` if the client does not
   * recover within `patience`.
   */
  readonly dark: number | null;
  /** The median time in which the calls of the outage failed, ms; `null` if none failed before the end of the run. */
  readonly failedAfter: number | null;
  /** Calls that failed before the outage. If there are any, the run is invalid. */
  readonly failedBefore: number;
  readonly calls: number;
  /** The maximum delay of a call behind the rate, ms. */
  readonly late: number;
}

/** Rejects unless the response is a 2xx. */
type Get = (url: string) => Promise<unknown>;

interface Contender {
  /** The packages that must be installed. */
  readonly packages?: readonly string[];
  /** Loads the contender. A process loads only the contender that it measures. */
  readonly make: () => Get | Promise<Get>;
}

export const contenders: Readonly<Record<string, Contender>> = {
  'plain fetch': { make: () => get },
  'p-retry, retries: 3': {
    packages: ['p-retry'],
    async make() {
      const { default: pRetry } = await import('p-retry');
      return (url) => pRetry(() => get(url), { retries: 3 });
    },
  },
  ky: { packages: ['ky'], make: () => kyWith({}) },
  'ky, retry: 3': { packages: ['ky'], make: () => kyWith({ retry: 3 }) },
  'axios-retry, retries: 3': {
    packages: ['axios', 'axios-retry'],
    async make() {
      const { default: axios } = await load<Axios>('axios');
      const { default: axiosRetry } = await load<AxiosRetry>('axios-retry');
      const client = axios.create();
      axiosRetry(client, { retries: 3 });
      return (url) => client.get(url);
    },
  },
  opossum: {
    packages: ['opossum'],
    async make() {
      const { default: CircuitBreaker } = await load<Opossum>('opossum');
      const breaker = new CircuitBreaker(get);
      return (url) => breaker.fire(url);
    },
  },
  'cockatiel retry 3 + ConsecutiveBreaker(5), 10 s': {
    packages: ['cockatiel'],
    async make() {
      const { wrap, retry, circuitBreaker, handleAll, ExponentialBackoff, ConsecutiveBreaker } =
        await load<Cockatiel>('cockatiel');
      const policy = wrap(
        retry(handleAll, { maxAttempts: 3, backoff: new ExponentialBackoff() }),
        circuitBreaker(handleAll, { halfOpenAfter: 10_000, breaker: new ConsecutiveBreaker(5) }),
      );
      return (url) => policy.execute(() => get(url));
    },
  },
  'ffetch retries 3 + circuit { 5, 30 s }': { packages: ['@fetchkit/ffetch'], make: () => ffetchWith({}) },
  'ffetch retries 3 + circuit { 5, 30 s }, throwOnHttpError': {
    packages: ['@fetchkit/ffetch'],
    make: () => ffetchWith({ throwOnHttpError: true }),
  },
  'kyoa retry()': {
    async make() {
      const { createFetch, retry } = await import('../../src/index.ts');
      return getWith(createFetch({ use: [retry()] }));
    },
  },
  'kyoa standard()': { make: () => standardWith({}) },
  'kyoa standard({ breaker: { cooldown: 1_000 } })': { make: () => standardWith({ breaker: { cooldown: 1_000 } }) },
};

async function get(url: string): Promise<unknown> {
  return good(await fetch(url));
}

function getWith(fetch: (url: string) => Promise<Response>): Get {
  return async (url) => good(await fetch(url));
}

async function good(response: Response): Promise<unknown> {
  const body: unknown = await response.json();
  if (!response.ok) throw new Error(`Status ${response.status}`);
  return body;
}

async function kyWith(options: { readonly retry?: number }): Promise<Get> {
  const { default: ky } = await import('ky');
  const client = ky.create(options);
  return (url) => client.get(url).json();
}

async function ffetchWith(options: object): Promise<Get> {
  const { default: createClient } = await load<FFetch>('@fetchkit/ffetch');
  return getWith(createClient({ retries: 3, circuit: { threshold: 5, reset: 30_000 }, ...options }));
}

async function standardWith(options: { readonly breaker?: { readonly cooldown: number } }): Promise<Get> {
  const { createFetch, standard } = await import('../../src/index.ts');
  return getWith(createFetch({ use: standard(options) }));
}

interface Axios {
  readonly default: { create(): { get: Get } };
}
interface AxiosRetry {
  readonly default: (client: object, options: object) => void;
}
interface Opossum {
  readonly default: new (get: Get) => { fire: Get };
}
interface Cockatiel {
  readonly wrap: (...policies: unknown[]) => { execute(run: () => Promise<unknown>): Promise<unknown> };
  readonly retry: (handled: unknown, options: object) => unknown;
  readonly circuitBreaker: (handled: unknown, options: object) => unknown;
  readonly handleAll: unknown;
  readonly ExponentialBackoff: new () => unknown;
  readonly ConsecutiveBreaker: new (threshold: number) => unknown;
}
interface FFetch {
  readonly default: (options: object) => (url: string) => Promise<Response>;
}

interface Call {
  readonly started: number;
  ended?: number;
  ok?: boolean;
}

async function measure(task: Task): Promise<Figures> {
  const get = await contenders[task.contender]!.make();
  const server = fork(new URL('outage-server.ts', import.meta.url), { execArgv: [] });
  const receive = async <Kind extends Reply>(): Promise<Kind> => ((await once(server, 'message')) as [Kind])[0];
  const ask = async <Kind extends Reply>(order: Order): Promise<Kind> => {
    const reply = receive<Kind>();
    server.send(order);
    return reply;
  };
  const { origin } = await receive<{ origin: string }>();

  const calls: Call[] = [];
  const begun = unixTime();
  let late = 0;
  const one = async (): Promise<void> => {
    const call: Call = { started: unixTime() };
    late = Math.max(late, call.started - begun - (calls.length * 1_000) / task.rate);
    // Every URL is different, so that deduplication has no effect.
    const done = get(`${origin}/item?call=${calls.push(call)}`);
    call.ok = await done.then(
      () => true,
      () => false,
    );
    call.ended = unixTime();
  };
  const clock = setInterval(() => {
    const due = ((unixTime() - begun) * task.rate) / 1_000;
    while (calls.length < due) void one();
  }, 2);

  await sleep(task.healthy);
  const { at: failed } = await ask<{ at: number }>({ fail: task.outage });
  await sleep(task.down);
  const { at: recovered } = await ask<{ at: number }>({ fail: undefined });
  let back: number | undefined;
  while (back === undefined && unixTime() < recovered + task.patience) {
    await sleep(100);
    back = recovery(calls, recovered, task.steady);
  }
  await sleep(Math.max(0, recovered + 1_100 - unixTime()));
  clearInterval(clock);
  const { requests } = await ask<{ requests: readonly number[] }>('report');
  server.disconnect();

  const made = (from: number, to: number): Call[] => calls.filter(({ started }) => started >= from && started < to);
  const perCall = (from: number, to: number): number =>
    requests.filter((time) => time >= from && time < to).length / made(from, to).length;
  const during = made(failed, recovered);
  const waits = during.flatMap(({ started, ended, ok }) => (ok === false ? [ended! - started] : []));
  return {
    whole: perCall(failed, recovered),
    end: perCall(recovered - task.end, recovered),
    after: perCall(recovered, recovered + 1_000),
    dark: back === undefined ? null : back - recovered,
    failedAfter: waits.toSorted((a, b) => a - b)[Math.floor(waits.length / 2)] ?? null,
    // Calls of the last 500 ms before the outage are excluded: the outage may have interrupted them.
    failedBefore: calls.filter(({ ok, started }) => ok === false && started < failed - 500).length,
    calls: during.length,
    late,
  };
}

/**
 * The time of the first response after which all calls succeeded for at least `steady` ms, in the order in which the
 * calls started; `undefined` if there is none yet.
 */
function recovery(calls: readonly Call[], recovered: number, steady: number): number | undefined {
  const since = calls.filter(({ started }) => started >= recovered);
  const settled = since.filter(({ started }) => started < unixTime() - steady);
  const bad = settled.findLastIndex(({ started, ok, ended }) => ok !== true || ended! > started + steady);
  const first = since[bad + 1];
  if (first?.ok !== true || first.started > unixTime() - 2 * steady) return undefined;
  return since.slice(bad + 1).some(({ ok }) => ok === false) ? undefined : first.ended;
}

if (import.meta.main) {
  process.send!(await measure(JSON.parse(process.argv[2]!) as Task));
  process.exit(); // running calls and idle connections would keep the process alive
}
