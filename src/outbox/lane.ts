/**
 * Sends the requests of one channel in order, one at a time. Of all tabs and processes that share the storage, one sends: the
 * one that holds the lease of the channel. After a try in vain the channel pauses, for all of them.
 */
import { StorageError } from '../core/errors.ts';
import { after, afterUnref, type Timer } from '../core/engine/timers.ts';
import { acquireLease, watchLease, type Lease } from '../lib/lease/lease.ts';
import { noop } from '../lib/noop.ts';
import type { Queue } from './queue.ts';
import { channelOf, type Ticket } from './records.ts';
import { isOffline } from './wake-ups.ts';

export interface LaneOptions {
  readonly queue: Queue;
  readonly channel: string;
  readonly lease: number;
  /** The pause after the nth try in vain, ms. */
  readonly backoff: (tries: number) => number;
  /** Sends a request, and takes it off the list when it is settled. Resolves to whether it goes on waiting. */
  readonly send: (ticket: Ticket) => Promise<boolean>;
  /** Is called while another tab or process sends, and when all that waited in this channel is sent. */
  readonly onUnlisted: () => Promise<void>;
  readonly onPause: () => void;
  readonly onIdle: () => void;
}

/** A lane that waits for another one to send looks at intervals that double between these, ms. */
const shortestPoll = 25;
const longestPoll = 1_000;

/** After an error of the storage, and without a network, the lane looks again after this time, ms. */
const longPause = 10_000;

/** A pause that is older than this does not hold back a new call, ms. */
const shortestPause = 1_000;

/** Which pauses a wake ends: `old` are those that are older than a second. */
export type Ended = 'all' | 'old' | 'none';

export class Lane {
  readonly #options: LaneOptions;
  #isRunning = false;
  #run: Promise<void> = Promise.resolve();
  #isWoken = false;
  #isForced = false;
  /** Pauses that began until this time are over, Unix ms. The next try takes it back. */
  #endedUntil = 0;
  /** There may be a network again since the present try has begun. */
  #isTryOld = false;
  #timer: Timer;
  /** Ends the wait between two looks. */
  #resume: () => void = noop;
  #isClosed = false;

  constructor(options: LaneOptions) {
    this.#options = options;
  }

  /** Whether its requests wait for the end of a pause. */
  get isPaused(): boolean {
    return !this.#isRunning && this.#timer !== undefined;
  }

  /**
   * Sends what waits. `ended`: without the rest of these pauses. `isForced`: also if the platform says that there is no
   * network. Resolves when nothing waits, or the lane pauses.
   */
  wake(ended: Ended, isForced = false): Promise<void> {
    const endedUntil = { all: Date.now(), old: Date.now() - shortestPause, none: 0 }[ended];
    this.#endedUntil = Math.max(this.#endedUntil, endedUntil);
    this.#isTryOld ||= ended === 'all';
    this.#isForced ||= isForced;
    this.#isWoken = true;
    if (!this.#isRunning) this.#run = this.#drainWhileWoken();
    return this.#run;
  }

  /** It sends nothing more after the present request. */
  close(): void {
    this.#isClosed = true;
    this.#stop();
    this.#resume();
  }

  async #drainWhileWoken(): Promise<void> {
    this.#isRunning = true;
    while (this.#isWoken && !this.#isClosed) {
      this.#isWoken = false;
      const isForced = this.#isForced;
      this.#isForced = false;
      try {
        if (isForced || !isOffline()) await this.#drain();
        else this.#pause(longPause, true);
      } catch {
        this.#pause(longPause); // the storage failed: what it holds is tried again
      }
    }
    this.#isRunning = false; // in the same turn as the last look: the next wake begins anew
    if (this.#timer === undefined) this.#options.onIdle();
  }

  async #drain(): Promise<void> {
    const { queue, channel, send, backoff, onUnlisted } = this.#options;
    this.#stop();
    const lease = await this.#acquire();
    if (lease === undefined) return;
    try {
      for (let isNew = true; !this.#isClosed; isNew = false) {
        const waiting = await queue.waiting();
        const ticket = waiting.find((ticket) => channelOf(ticket) === channel);
        if (ticket === undefined) return await onUnlisted();
        const rest = this.#restOf(ticket);
        if (rest > 0) return this.#pause(rest);
        // A process that was frozen may have lost its lease.
        if (!isNew && !(await lease.renew())) return this.#pause(shortestPoll);
        this.#endedUntil = 0;
        this.#isTryOld = false;
        const stays = await send(ticket);
        if (stays) await queue.postpone(ticket.id, this.#isTryOld ? 0 : backoff((ticket.tries ?? 0) + 1));
      }
    } finally {
      await lease.release();
    }
  }

  /** `undefined` if another tab or process has sent all that waited. */
  async #acquire(): Promise<Lease | undefined> {
    const { queue, channel, lease, onUnlisted } = this.#options;
    const key = `outbox lane ${JSON.stringify([queue.name, channel])}`;
    const options = { storage: queue.storage, key, fingerprint, lease, ttl: lease };
    const watch = watchLease();
    for (let poll = shortestPoll; !this.#isClosed; poll = Math.min(2 * poll, longestPoll)) {
      const found = await acquireLease(options, watch);
      if (found.state === 'acquired') return found.lease;
      if (found.state !== 'held') throw new StorageError(`The entry ${key} is not one that outbox wrote; delete it`);
      const waiting = await queue.waiting();
      await onUnlisted();
      if (this.#isClosed || !waiting.some((ticket) => channelOf(ticket) === channel)) return undefined;
      await new Promise<void>((resolve) => {
        this.#resume = resolve;
        this.#timer = after(Math.min(poll, found.lookIn), resolve);
      });
      this.#stop();
    }
    return undefined;
  }

  /** How much is left of the pause of a request, ms. The clock may have been set since a time that is in the future. */
  #restOf({ tried = 0, pause = 0 }: Ticket): number {
    const now = Date.now();
    const isEnded = tried <= this.#endedUntil && this.#endedUntil <= now;
    return isEnded || tried > now ? 0 : Math.max(0, tried + pause - now);
  }

  /** `isOpen`: the end of a pause that has begun already stays as it is, so that it comes. */
  #pause(ms: number, isOpen = false): void {
    if (this.#isClosed) return;
    if (!isOpen || this.#timer === undefined) {
      this.#stop();
      this.#timer = afterUnref(ms, () => {
        this.#timer = undefined;
        void this.wake('none', true);
      });
    }
    this.#options.onPause();
  }

  #stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}

/** All work under the lease of a lane is the same. */
const fingerprint = 'lane';
