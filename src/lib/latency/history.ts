/**
 * What each route's latencies have been: one history per storage, shared by all policies that learn, kept in memory
 * and written behind. A storage failure costs it nothing but its persistence.
 */
import type { Storage } from '../../core/storage.ts';
import { noop } from '../noop.ts';
import { afterUnref, type Timer } from '../../core/engine/timers.ts';
import { slidingWindow, type SlidingWindow } from './sliding-window.ts';

/** The latencies of one route as one policy measures them, ms. */
export interface Series {
  readonly window: SlidingWindow;
  add(latency: number): void;
}

export interface LatencyHistory {
  /** Of what the policy measures, on a route. Begins to load its past when first asked for; until then it is empty. */
  readonly series: (what: string, route: string, length: number) => Series;
  /** Resolves when everything has been written, or cannot be. */
  readonly flush: () => Promise<void>;
}

const histories = new WeakMap<Storage, LatencyHistory>();

export function latencyHistory(storage: Storage): LatencyHistory {
  let history = histories.get(storage);
  if (history === undefined) histories.set(storage, (history = create(storage)));
  return history;
}

/**
 * Writes what policies have learnt and still hold back for this storage, as before a shutdown: on their own they
 * write within a second of falling idle, and when a page is hidden.
 */
export async function flush(storage: Storage): Promise<void> {
  await histories.get(storage)?.flush();
}

/** The route least recently used goes. */
const mostRoutes = 1_000;
/** Written when no sample has come for this long, ms. */
const quiet = 500;
/** Under a steady stream of samples, written this often, ms. */
const longestHold = 5_000;
/** A route that nobody asks for is forgotten, ms. */
const ttl = 7 * 24 * 60 * 60 * 1_000;
/** Another tab or process may write between our read and our write; beyond this the samples stay in memory only. */
const writeAttempts = 5;

interface Route extends Series {
  readonly length: number;
  /** Samples that are in the window and not yet in the storage. */
  unwritten: number[];
  readonly loaded: Promise<void>;
}

function create(storage: Storage): LatencyHistory {
  const routes = new Map<string, Route>();
  const dirty = new Map<string, Route>();
  let newest: { readonly what: string; readonly path: string; readonly route: Route } | undefined;
  let timer: Timer;
  let dirtySince = 0;
  let touched = 0;
  let writing: Promise<void> | undefined;

  const series = (what: string, path: string, length: number): Route => {
    // Most often; it spares putting the name together.
    if (newest !== undefined && newest.path === path && newest.what === what) return newest.route;
    const name = `${what} ${path}`;
    let route = routes.get(name);
    if (route === undefined) {
      route = open(name, length);
      if (routes.size >= mostRoutes) routes.delete(routes.keys().next().value!);
    } else routes.delete(name);
    routes.set(name, route); // last in the order of use
    newest = { what, path, route };
    return route;
  };

  const open = (name: string, length: number): Route => {
    const route: Route = {
      length,
      window: slidingWindow(length),
      unwritten: [],
      loaded: load(name).then((past) => {
        const since = route.window.samples;
        for (const sample of [...past, ...since].slice(-length)) route.window.add(sample);
      }, noop),
      add(latency) {
        route.window.add(latency);
        route.unwritten.push(latency);
        if (route.unwritten.length > length) route.unwritten.shift();
        schedule(name, route);
      },
    };
    return route;
  };

  const load = async (name: string): Promise<readonly number[]> => parse((await storage.get(keyOf(name)))?.value);

  const schedule = (name: string, route: Route): void => {
    touched = performance.now();
    if (dirty.size === 0) {
      dirtySince = touched;
      onHide('addEventListener', write);
      timer = afterUnref(quiet, writeWhenDue);
    }
    dirty.set(name, route);
  };

  /** One timer for many samples: that another has come meanwhile is seen when it fires. */
  const writeWhenDue = (): void => {
    const left = Math.min(touched + quiet, dirtySince + longestHold) - performance.now();
    if (left > 0) timer = afterUnref(left, writeWhenDue);
    else write();
  };

  const write = (): void => void flush();

  const flush = async (): Promise<void> => {
    await writing;
    await (writing = writeDirty());
  };

  const writeDirty = async (): Promise<void> => {
    if (dirty.size === 0) return;
    clearTimeout(timer);
    onHide('removeEventListener', write);
    const batch = [...dirty];
    dirty.clear();
    await Promise.all(batch.map(([name, route]) => append(name, route).catch(noop)));
  };

  /** Adds to what is there, rather than replacing what another tab or process has learnt. */
  const append = async (name: string, route: Route): Promise<void> => {
    await route.loaded;
    const samples = route.unwritten;
    route.unwritten = [];
    for (let attempt = 0; attempt < writeAttempts; attempt += 1) {
      const entry = await storage.get(keyOf(name));
      const merged = [...parse(entry?.value), ...samples].slice(-route.length);
      const options = { ttl, ifVersion: entry?.version ?? null };
      if ((await storage.set(keyOf(name), JSON.stringify(merged), options)) !== undefined) return;
    }
  };

  return { series, flush };
}

function keyOf(name: string): string {
  return `latency ${name}`;
}

/** Whatever else may be under the key is as good as nothing. */
function parse(value: string | undefined): readonly number[] {
  try {
    const list: unknown = JSON.parse(value ?? '[]');
    return Array.isArray(list) ? list.filter((sample) => Number.isFinite(sample)) : [];
  } catch {
    return [];
  }
}

/**
 * A page that is hidden may never come back; only browsers have pages. One that is left at once takes the last half
 * second with it: no transaction outlives its page.
 */
function onHide(verb: 'addEventListener' | 'removeEventListener', listener: () => void): void {
  if (typeof document === 'undefined') return;
  document[verb]('visibilitychange', listener);
  globalThis[verb]('pagehide', listener);
}
