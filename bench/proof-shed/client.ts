/** The callers of `bench/proof-shed.ts`, in a process of their own. They use node:http alone, without any policy. */
import { Agent, get } from 'node:http';
import { random } from '../lib/simulate.ts';

/** What the parent process orders. Durations are in ms. */
export interface Order {
  readonly origin: string;
  /** Requests a second, at the times of a Poisson process, regardless of the server; or so many at a time. */
  readonly load: { readonly rate: number } | { readonly together: number };
  /** Without its first part, `settle`, which is not counted. */
  readonly duration: number;
  readonly settle: number;
}

export interface Figures {
  /** Good answers a second: a 200 within `patience`. */
  readonly good: number;
  /** 503 a second. */
  readonly refused: number;
  /** Requests a second that were given up, or failed. */
  readonly lost: number;
  /** Of the good answers, ms. Absent if there were none. */
  readonly p50: number | undefined;
  readonly p99: number | undefined;
  /** How far the calls were behind their schedule, ms. */
  readonly late: number;
}

/** ms that a caller waits. */
export const patience = 1_000;

async function run({ origin, load, duration, settle }: Order): Promise<Figures> {
  const agent = new Agent({ keepAlive: true, maxSockets: Infinity });
  const draw = random(3);
  const begin = performance.now() + settle;
  const end = begin + duration;
  const latencies: number[] = [];
  let [refused, lost, late] = [0, 0, 0];

  const call = (due: number): Promise<void> =>
    new Promise((resolve) => {
      const settled = (status: number): void => {
        clearTimeout(timer);
        resolve();
        if (due < begin || due >= end) return;
        if (status === 200) latencies.push(performance.now() - due);
        else if (status === 503) refused += 1;
        else lost += 1;
      };
      const request = get(origin, { agent }, (response) => {
        response
          .resume()
          .on('end', () => settled(response.statusCode!))
          .on('error', () => settled(0));
      }).on('error', () => settled(0));
      const timer = setTimeout(() => request.destroy(new Error('too late')), patience);
    });

  const calls: Promise<void>[] = [];
  if ('together' in load) {
    const loop = async (): Promise<void> => {
      while (performance.now() < end) await call(performance.now());
    };
    calls.push(...Array.from({ length: load.together }, loop));
  } else {
    for (let due = performance.now(); due < end; due -= (1_000 / load.rate) * Math.log(1 - draw())) {
      const wait = due - performance.now();
      if (wait >= 1) await new Promise((resolve) => setTimeout(resolve, wait));
      late = Math.max(late, performance.now() - due);
      calls.push(call(due));
    }
  }
  await Promise.all(calls);
  agent.destroy();
  latencies.sort((a, b) => a - b);
  const at = (share: number): number | undefined => latencies[Math.floor(share * latencies.length)];
  const perSecond = (count: number): number => (1_000 * count) / duration;
  return {
    good: perSecond(latencies.length),
    refused: perSecond(refused),
    lost: perSecond(lost),
    p50: at(0.5),
    p99: at(0.99),
    late,
  };
}

if (import.meta.main) {
  process.on('message', (order: Order) => void run(order).then((figures) => process.send!(figures)));
  process.on('disconnect', () => process.exit());
}
