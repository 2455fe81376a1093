/**
 * Time that passes when the test says so. It takes the place of what code asks the platform for: timers, `Date`,
 * `performance.now()` and `AbortSignal.timeout()`. In the spirit of Polly's FakeTimeProvider.
 */
import { delay } from '../core/options.ts';
import { noop } from '../lib/noop.ts';
import { longestDelay } from '../core/engine/timers.ts';

export interface VirtualTime extends Disposable {
  /** Since `virtualTime()`, ms. */
  readonly elapsed: number;
  /** Runs every timer that is due in the next `ms`, in order, each after what the one before it set off has settled. */
  advance(ms: number): Promise<void>;
  /** Runs timers, in order, until the promise has settled, and becomes what it becomes. */
  until<T>(promise: Promise<T>): Promise<T>;
  /** Puts the platform's time back; timers that are still waiting are forgotten. Also called by `using`. */
  restore(): void;
}

/** Before any fake can take its place. */
const platformTimeout = globalThis.setTimeout;

const timersAreObjects = (() => {
  const sample: unknown = platformTimeout(noop);
  clearTimeout(sample as number);
  return typeof sample === 'object';
})();

let present: VirtualTime | undefined;

interface Timer {
  readonly run: () => void;
  readonly delay: number;
  readonly repeats: boolean;
  due: number;
}

/**
 * It starts at the moment it is called. What takes real time (sockets, storage on disk) is not waited for by `advance`.
 *
 * @throws {Error} when another one has not been restored
 */
export function virtualTime(): VirtualTime {
  if (present !== undefined) throw new Error('Time is virtual already; restore() that one first');
  const began = { unix: Date.now(), monotonic: Math.floor(performance.now()) };
  let elapsed = 0;
  const timers = new Map<unknown, Timer>();

  const add = (repeats: boolean, run: () => void, ms: number | undefined): unknown => {
    // As platforms do: what is below 1 ms, or beyond what they can hold, is 1 ms.
    const delay = ms !== undefined && ms >= 1 && ms <= longestDelay ? Math.trunc(ms) : 1;
    const timer: Timer = { run, delay, repeats, due: elapsed + delay };
    const handle: unknown = handleOf(() => {
      timer.due = elapsed + delay;
      timers.set(handle, timer);
    });
    timers.set(handle, timer);
    return handle;
  };
  const fire = ([handle, timer]: readonly [unknown, Timer]): void => {
    elapsed = Math.max(elapsed, timer.due);
    if (timer.repeats) timer.due = elapsed + timer.delay;
    else timers.delete(handle);
    timer.run();
  };
  /** The first in order of time, then of creation. */
  const next = (end: number): readonly [unknown, Timer] | undefined =>
    [...timers].filter(([, { due }]) => due <= end).sort(([, a], [, b]) => a.due - b.due)[0];

  const setter =
    (repeats: boolean) =>
    (run: (...args: unknown[]) => void, ms?: number, ...args: unknown[]): unknown =>
      add(repeats, () => run(...args), ms);
  const clearer = (original: (handle?: number) => void) => (handle?: unknown) => {
    if (!timers.delete(handle)) original(handle as number);
  };
  const now = (): number => began.unix + elapsed;
  const restores = [
    replace(globalThis, 'setTimeout', setter(false)),
    replace(globalThis, 'setInterval', setter(true)),
    replace(globalThis, 'clearTimeout', clearer(globalThis.clearTimeout)),
    replace(globalThis, 'clearInterval', clearer(globalThis.clearInterval)),
    replace(globalThis, 'Date', dateOf(now)),
    replace(performance, 'now', () => began.monotonic + elapsed),
    replace(AbortSignal, 'timeout', (ms: number) => {
      const controller = new AbortController();
      const reason = (): DOMException => new DOMException('The operation was aborted due to timeout', 'TimeoutError');
      add(false, () => controller.abort(reason()), ms);
      return controller.signal;
    }),
  ];

  const time: VirtualTime = {
    get elapsed() {
      return elapsed;
    },
    async advance(ms) {
      const end = elapsed + delay('advance', ms);
      await turn();
      for (let first = next(end); first; first = next(end)) {
        fire(first);
        await turn();
      }
      elapsed = end;
    },
    async until(promise) {
      let pending = true;
      promise
        .catch(noop)
        .finally(() => (pending = false))
        .catch(noop);
      await turn();
      while (pending) {
        const first = next(Infinity);
        if (first !== undefined) fire(first);
        await turn();
      }
      return promise;
    },
    restore() {
      if (present !== time) return;
      for (const restore of restores) restore();
      timers.clear();
      present = undefined;
    },
    [Symbol.dispose]: () => time.restore(),
  };
  return (present = time);
}

/** Lets everything that waits for no timer have its turn; two, because what one sets off may take another. */
async function turn(): Promise<void> {
  for (let n = 0; n < 2; n += 1) await new Promise((resolve) => platformTimeout(resolve, 0));
}

function replace(owner: object, name: string, value: unknown): () => void {
  const original = Object.getOwnPropertyDescriptor(owner, name);
  Object.defineProperty(owner, name, { value, configurable: true, writable: true, enumerable: true });
  return () => {
    if (original === undefined) Reflect.deleteProperty(owner, name);
    else Object.defineProperty(owner, name, original);
  };
}

function dateOf(now: () => number): DateConstructor {
  return new Proxy(Date, {
    construct: (target, args: [], newTarget) => Reflect.construct(target, args.length > 0 ? args : [now()], newTarget),
    apply: (target) => new target(now()).toString(),
    get: (target, name) => (name === 'now' ? now : (Reflect.get(target, name) as unknown)),
  });
}

/** Beyond what a platform gives, so that they never meet. */
let lastId = 2 ** 31;

/** A number as in browsers, or what Node gives in its place. */
function handleOf(refresh: () => void): unknown {
  const id = (lastId += 1);
  if (!timersAreObjects) return id;
  const handle = {
    ref: () => handle,
    unref: () => handle,
    hasRef: () => true,
    refresh: () => {
      refresh();
      return handle;
    },
    [Symbol.toPrimitive]: () => id,
  };
  return handle;
}
