/** A seeded load on the real limit, call after call: no transport, no clock. */
import { memory, type Adaptive, type Context, type Storage } from '../../src/index.ts';

export interface Simulation {
  readonly limit: Adaptive;
  /** ms of each call, in order. */
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
  /** Share of calls that ran out though the load was what it always was. */
  readonly falseTimeouts: number;
}

export function simulate({ limit, latencies, calls, storage = memory() }: Simulation): SimulationResult {
  const ctx = { method: 'GET', url: 'http://api.example/users', storage } as Context;
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

/** mulberry32, by Tommy Ettinger: small, and good enough for a plot. */
export function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Latencies as services have them: most near the median, a long tail. */
export function lognormal(shape: { median: number; sigma: number; random: () => number }): () => number {
  return () => shape.median * Math.exp(shape.sigma * normal(shape.random));
}

/** Box and Muller's transform. */
function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}
