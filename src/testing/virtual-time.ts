/**
 * Time that passes only when the test advances it. It replaces the clocks of the platform: timers, `Date`,
 * `performance.now()` and `AbortSignal.timeout()`. The idea is that of .NET's FakeTimeProvider.
 */
import { delay } from '../core/options.ts';
import { noop } from '../lib/noop.ts';
import { longestDelay } from '../core/engine/timers.ts';

/**
 * The clock that `virtualTime()` has installed.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/testing.md#virtualtime
 */
export interface VirtualTime extends Disposable {
  /** The time since `virtualTime()`, ms. */
  readonly elapsed: number;
  /** Runs every timer that is due in the next `ms`, in order. The work that a timer starts settles before the next timer. */
  advance(ms: number): Promise<void>;
  /** Runs timers, in order, until the promise has settled. Settles like the promise. */
  until<T>(promise: Promise<T>): Promise<T>;
  /** Restores the platform's clocks and drops the pending timers. `using` calls it at the end of the block. */
  restore(): void;
}

/** Read before a fake timer can replace it. */
const platformTimeout = globalThis.setTimeout;

const timersAreObjects = (() => {
  const sample: unknown = platformTimeout(noop);
  clearTimeout(sample as number);
  return typeof sample === 'object';
})();

let active: VirtualTime | undefined;

interface Timer {
  readonly run: () => void;
  readonly delay: number;
  readonly repeats: boolean;
  due: number;
}

/**
 * Replaces the platform's clocks, from the present time on, until `restore()`. `advance` does not wait for work that takes
 * real time (sockets, storage on disk).
 *
 * @throws {Error} if another virtual time has not been restored
 * @example
 * ```ts
 * import kyoa from 'kyoa';
 * import { script, virtualTime } from 'kyoa/testing';
 *
 * const time = virtualTime();
 * const { fetch } = script([{ fault: 'hang' }, { delay: 200, json: ['Ada'] }]);
 * await time.until(kyoa.get('https://api.example.com/users', { fetch, timeout: { headers: 1_000 } }).json());
 * time.restore();
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/testing.md#virtualtime
 */
export function virtualTime(): VirtualTime {
  if (active !== undefined) throw new Error('Virtual time is active already; call its restore() first');
  const start = { unix: Date.now(), monotonic: Math.floor(performance.now()) };
  let elapsed = 0;
  const timers = new Map<unknown, Timer>();

  const add = (repeats: boolean, run: () => void, ms: number | undefined): unknown => {
    // As on every platform, a delay below 1 ms or beyond 31 bits is 1 ms.
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
  /** The timer that is due first; of equal ones, the one that was created first. */
  const next = (end: number): readonly [unknown, Timer] | undefined =>
    [...timers].filter(([, { due }]) => due <= end).sort(([, a], [, b]) => a.due - b.due)[0];

  const setter =
    (repeats: boolean) =>
    (run: (...args: unknown[]) => void, ms?: number, ...args: unknown[]): unknown =>
      add(repeats, () => run(...args), ms);
  const clearer = (original: (handle?: number) => void) => (handle?: unknown) => {
    if (!timers.delete(handle)) original(handle as number);
  };
  const now = (): number => start.unix + elapsed;
  const restores = [
    replace(globalThis, 'setTimeout', setter(false)),
    replace(globalThis, 'setInterval', setter(true)),
    replace(globalThis, 'clearTimeout', clearer(globalThis.clearTimeout)),
    replace(globalThis, 'clearInterval', clearer(globalThis.clearInterval)),
    replace(globalThis, 'Date', dateOf(now)),
    replace(performance, 'now', () => start.monotonic + elapsed),
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
      await settle();
      for (let first = next(end); first; first = next(end)) {
        fire(first);
        await settle();
      }
      elapsed = end;
    },
    async until(promise) {
      let pending = true;
      promise
        .catch(noop)
        .finally(() => (pending = false))
        .catch(noop);
      await settle();
      while (pending) {
        const first = next(Infinity);
        if (first !== undefined) fire(first);
        await settle();
      }
      return promise;
    },
    restore() {
      if (active !== time) return;
      for (const restore of restores) restore();
      timers.clear();
      active = undefined;
    },
    [Symbol.dispose]: () => time.restore(),
  };
  return (active = time);
}

/** Lets work that waits for no timer settle. Two turns of the event loop: work of the first may need a second one. */
async function settle(): Promise<void> {
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

/** Ids above those of a platform, so that they never collide. */
let lastId = 2 ** 31;

/** A number, as in browsers, or an object like Node's Timeout. */
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
