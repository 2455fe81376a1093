/**
 * The permits of a fleet, as one process has them. The process holds permits under a lease, which it renews; those of a
 * process that was killed are free when the lease has expired. It keeps permits for a moment, so that most calls need no
 * round trip, and gives them up when another process has fewer than its share.
 */
import { afterUnref, type Timer } from '../../src/core/engine/timers.ts';
import type { Slots } from '../../src/core/shared-limits.ts';
import { retryInterval, type Store } from './ledger-client.ts';

export interface SharedConcurrencyOptions {
  readonly key: string;
  readonly wake: () => void;
  readonly count: number;
  /** ms. */
  readonly lease: number;
  /** The processes that are assumed until the store has counted them. */
  readonly members: number;
}

/** How long a permit that no call uses is kept, and how soon a process learns that others have too few, ms. */
const interval = 100;

export function sharedConcurrency(store: Store, options: SharedConcurrencyOptions): Slots {
  const { key, wake, count, lease } = options;
  let { members } = options;
  /** The permits that this process may use. */
  let permits = 0;
  /** What the store counts as held: the permits, or the calls that run beyond them. */
  let held = 0;
  /** Another process has fewer permits than its share. */
  let short = false;
  let running = 0;
  let demand = 0;
  /** Calls have come or gone since the last report, or wait. */
  let isBusy = false;
  /** The demand that was reported. */
  let reported = 0;
  /** The highest demand since then: permits that were just in use are kept. */
  let peak = 0;
  /** When the lease was last renewed, ms on the clock of `performance.now()`. */
  let renewed = -Infinity;
  let isPending = false;
  let timer: Timer;
  let due = Infinity;

  const hold = async (): Promise<void> => {
    const asked = performance.now();
    const ran = running;
    const want = demand === 0 ? 0 : peak;
    reported = peak = demand;
    isBusy = false;
    const reply = await store.ledger.hold(key, store.member, { running, want, count, lease });
    renewed = asked;
    ({ permits, short, members } = reply);
    held = Math.max(permits, ran);
  };
  const report = async (): Promise<void> => {
    isPending = true;
    await store.ask(hold, () => {});
    isPending = false;
    wake();
    plan();
  };
  const retry = (): void => {
    const done = (): void => {
      wake();
      plan();
    };
    store.retry(hold, done);
  };
  const isLeased = (): boolean => performance.now() - renewed < lease;

  /** Reports at once what cannot wait; at intervals while calls wait, or permits are unused; else to renew the lease. */
  const plan = (): void => {
    if (isPending) return;
    if (store.fault !== undefined) return running > 0 ? planIn(retryInterval, retry) : undefined;
    const needsMore = demand > reported && demand > permits;
    const isOwed = short && running < held;
    const isIdle = demand === 0 && held > 0;
    if (needsMore || isOwed || isIdle || (demand > 0 && !isLeased())) return void report();
    if (held === 0 && demand === 0) return;
    planIn(isBusy || demand > permits || permits > running ? interval : lease / 3, report);
  };
  const planIn = (delay: number, run: () => unknown): void => {
    if (performance.now() + delay >= due) return;
    clearTimeout(timer);
    due = performance.now() + delay;
    timer = afterUnref(delay, () => {
      due = Infinity;
      if (!isPending) run();
      plan();
    });
  };

  return {
    get limit() {
      if (store.fault === undefined) return isLeased() ? permits : 0;
      retry();
      return Math.max(1, Math.floor(count / members));
    },
    use(nowRunning, waiting) {
      isBusy ||= waiting > 0 || nowRunning !== running;
      running = nowRunning;
      demand = Math.min(count, running + waiting);
      peak = Math.max(peak, demand);
      plan();
    },
    get fault() {
      return store.fault;
    },
  };
}
