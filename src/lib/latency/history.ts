/**
 * The latencies of each route. All policies that learn share one history per storage. It is kept in memory and written
 * to the storage with a delay. If the storage fails, the history stays in memory.
 */
import type { Context } from '../../core/context.ts';
import type { Entry, Storage } from '../../core/storage.ts';
import { noop } from '../noop.ts';
import { isRequestBound } from '../platform.ts';
import { afterUnref, type Timer } from '../../core/engine/timers.ts';
import { parseStored } from '../stored-json.ts';
import { slidingWindow, type SlidingWindow } from './sliding-window.ts';

/** The latencies of one route, as one policy measures them, ms. */
export interface Series {
  readonly window: SlidingWindow;
  /** `call` is the one that was measured. If no write is pending, its `background` receives the next one. */
  add(latency: number, call?: Pick<Context, 'background'>): void;
}

export interface LatencyHistory {
  /**
   * The latencies of what the policy measures on a route. The first call begins to load the past ones from the storage;
   * until they are loaded, the series is empty.
   */
  readonly series: (what: string, route: string, length: number) => Series;
  /** Resolves when all samples are written, or when the storage has failed. */
  readonly flush: () => Promise<void>;
}

const histories = new WeakMap<Storage, LatencyHistory>();

export function latencyHistory(storage: Storage): LatencyHistory {
  let history = histories.get(storage);
  if (history === undefined) histories.set(storage, (history = create(storage)));
  return history;
}

/**
 * Writes the latencies that are not yet in this storage, for use before a shutdown. Without it they are written within a
 * second after the last sample, and when the page is hidden.
 *
 * @example
 * ```ts
 * const storage = memory();
 * const api = kyoa.create({ storage });
 * await api.get('https://api.example.com/users');
 * await flush(storage);
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/adaptive.md#where-the-history-is-stored
 */
export async function flush(storage: Storage): Promise<void> {
  await histories.get(storage)?.flush();
}

/** Beyond this number, the least recently used route is deleted from memory. */
const maxRoutes = 1_000;
/** The history is written when there was no sample for this long, ms. */
const quietTime = 500;
/** Under a steady stream of samples it is written this often, ms. */
const maxDelay = 5_000;
/** A route without samples expires from the storage after this time, ms. */
const ttl = 7 * 24 * 60 * 60 * 1_000;
/** Another tab or process may write between our read and our write. After this many attempts the samples stay in memory. */
const writeAttempts = 5;

interface Route extends Series {
  readonly length: number;
  window: SlidingWindow;
  /** Samples that are not yet in the storage. */
  unwritten: number[];
  /** Whether the window has the past samples. */
  isLoaded: boolean;
}

function create(storage: Storage): LatencyHistory {
  const routes = new Map<string, Route>();
  const dirty = new Map<string, Route>();
  let newest: { readonly what: string; readonly path: string; readonly route: Route } | undefined;
  const isBound = isRequestBound();
  let timer: Timer;
  /** Resolves what `background` has received for the next write. */
  let resolveWork = noop;
  let oldestSample = 0;
  let latestSample = 0;
  let writing: Promise<void> | undefined;

  const series = (what: string, path: string, length: number): Route => {
    // Most calls use the same route as the call before, and then need no name.
    if (newest !== undefined && newest.path === path && newest.what === what) return newest.route;
    const name = `${what} ${path}`;
    let route = routes.get(name);
    if (route === undefined) {
      route = open(name, length);
      if (routes.size >= maxRoutes) routes.delete(routes.keys().next().value!);
    } else routes.delete(name);
    routes.set(name, route); // the most recently used one is last
    newest = { what, path, route };
    return route;
  };

  const open = (name: string, length: number): Route => {
    const route: Route = {
      length,
      window: slidingWindow(length),
      unwritten: [],
      isLoaded: false,
      add(latency, call) {
        route.window.add(latency);
        route.unwritten.push(latency);
        if (route.unwritten.length > length) route.unwritten.shift();
        schedule(name, route, call);
      },
    };
    read(name, route).catch(noop);
    return route;
  };

  /** Reads the stored samples. The window gets them at the first read that succeeds: a write may be the first one. */
  const read = async (name: string, route: Route): Promise<{ past: readonly number[]; entry: Entry | undefined }> => {
    const entry = await storage.get(keyOf(name));
    const past = samplesOf(name, entry);
    if (!route.isLoaded) {
      const { samples } = route.window;
      route.isLoaded = true;
      if (samples.length > 0) route.window = slidingWindow(route.length);
      for (const sample of [...past, ...samples].slice(-route.length)) route.window.add(sample);
    }
    return { past, entry };
  };

  const schedule = (name: string, route: Route, call: Pick<Context, 'background'> | undefined): void => {
    latestSample = performance.now();
    // On Workers the timer of a request that nothing has kept is gone with it.
    const isLost = isBound && latestSample > oldestSample + 2 * maxDelay;
    if (dirty.size === 0 || isLost) {
      oldestSample = latestSample;
      onHide('addEventListener', write);
      timer = afterUnref(quietTime, writeWhenDue);
      call?.background(new Promise<void>((resolve) => (resolveWork = resolve)));
    }
    dirty.set(name, route);
  };

  /** One timer serves many samples: when it fires, it is set again if there was a sample meanwhile. */
  const writeWhenDue = (): void => {
    const left = Math.min(latestSample + quietTime, oldestSample + maxDelay) - performance.now();
    if (left > 0) timer = afterUnref(left, writeWhenDue);
    else write();
  };

  const write = (): void => void flush();

  const flush = async (): Promise<void> => {
    if (!isBound) await writing;
    await (writing = writeDirty());
  };

  const writeDirty = async (): Promise<void> => {
    if (dirty.size === 0) return;
    const done = resolveWork;
    if (!isBound) clearTimeout(timer);
    onHide('removeEventListener', write);
    const batch = [...dirty];
    dirty.clear();
    await Promise.all(batch.map(([name, route]) => append(name, route).catch(noop)));
    done();
  };

  /** Appends to the stored samples, because another tab or process may have written some. */
  const append = async (name: string, route: Route): Promise<void> => {
    const samples = route.unwritten;
    route.unwritten = [];
    for (let attempt = 0; attempt < writeAttempts; attempt += 1) {
      const { past, entry } = await read(name, route);
      const merged = [...past, ...samples].slice(-route.length);
      const options = { ttl, ifVersion: entry?.version ?? null };
      if ((await storage.set(keyOf(name), JSON.stringify(merged), options)) !== undefined) return;
    }
  };

  return { series, flush };
}

function keyOf(name: string): string {
  return `latency ${name}`;
}

/** An entry that is not a list of numbers is left unchanged, and the route has no past: the StorageError is ignored. */
function samplesOf(name: string, entry: Entry | undefined): readonly number[] {
  return entry === undefined ? [] : parseStored(keyOf(name), entry.value, isNumbers);
}

function isNumbers(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((sample) => Number.isFinite(sample));
}

/**
 * A hidden page may never be shown again, so its samples are written then. If the page is closed at once, the samples of
 * the last half second are lost, because no transaction outlives its page. Only browsers have pages.
 */
function onHide(verb: 'addEventListener' | 'removeEventListener', listener: () => void): void {
  if (typeof document === 'undefined') return;
  document[verb]('visibilitychange', listener);
  globalThis[verb]('pagehide', listener);
}
