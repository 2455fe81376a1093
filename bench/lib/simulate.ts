/** Simulates an adaptive limit, call after call, with given latencies and without a transport or a clock. */
import { memory, type Adaptive, type Context, type Storage } from '../../src/index.ts';

export interface Simulation {
  readonly limit: Adaptive;
  /** Returns the latency of the next call, ms. */
  readonly latencies: () => number;
  readonly calls: number;
  readonly storage?: Storage;
}

export interface Call {
  readonly latency: number;
  readonly limit: number;
  readonly served: boolean;
}

export interface SimulationResult {
  readonly history: readonly Call[];
  /** The share of calls that timed out. On a route that does not change, every timeout is a false one. */
  readonly falseTimeouts: number;
}

export function simulate({ limit, latencies, calls, storage = memory() }: Simulation): SimulationResult {
  const ctx = { method: 'GET', url: 'http://api.example/users', storage, background() {} } as unknown as Context;
  const history = Array.from({ length: calls }, (): Call => {
    const latency = latencies();
    const wait = limit.measure(ctx, 'headers');
    const served = latency <= wait.limit;
    if (served) wait.finished(latency);
    else wait.expired();
    return { latency, limit: wait.limit, served };
  });
  return { history, falseTimeouts: history.filter(({ served }) => !served).length / calls };
}

/** mulberry32 by Tommy Ettinger: a small seeded generator that is good enough for these simulations. */
export function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A lognormal distribution, like the latencies of real services: most are near the median, and the tail is long. */
export function lognormal(shape: { median: number; sigma: number; random: () => number }): () => number {
  return () => shape.median * Math.exp(shape.sigma * normal(shape.random));
}

/** The Box-Muller transform. */
function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}
