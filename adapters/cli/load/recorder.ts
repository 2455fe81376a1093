/** What was measured of one contender: counts, latencies, and both over time. Times are in ms from the start of the run. */
import { Bins, Latencies, type Percentiles } from './latency.ts';
import type { Phase } from './schedule.ts';

/** A stretch of the run. A call belongs to the one in which it was due. */
export interface Interval {
  readonly start: number;
  /** Calls that were due, and those of them that have ended. */
  due: number;
  ended: number;
  /** Calls that ended in these moments, whenever they were due. */
  completed: number;
  /** Failed calls by kind. */
  readonly failed: Record<string, number>;
  /** The most calls that were in flight at a time. */
  inFlight: number;
  /** There once the interval is over and its last call has ended, if it had any. */
  latency: Percentiles | undefined;
}

export interface PhaseResult {
  readonly name: string;
  readonly calls: number;
  readonly failed: number;
  readonly latency: Percentiles;
}

export class Recorder {
  readonly warmup: number;
  readonly width: number;
  readonly latencies: Latencies = new Latencies();
  /** How late the calls were sent. */
  readonly lateness: Latencies = new Latencies();
  /** Of the calls that ended since the last `reset`, for the live view. */
  readonly recent: Latencies = new Latencies();
  readonly bins: Bins = new Bins();
  readonly failures: Record<string, number> = {};
  readonly intervals: Interval[] = [];
  calls = 0;
  failed = 0;
  /** Calls that were due when too many were in flight. They count as failed. */
  refused = 0;
  inFlight = 0;
  /** Calls that were sent, those of the warm-up included. */
  begun = 0;
  /** When the last counted call ended. */
  lastEnd = 0;

  readonly #phases: readonly { readonly phase: Phase; readonly latencies: Latencies; failed: number; calls: number }[];
  #isOver = false;
  readonly #open = new Map<Interval, Latencies>();
  readonly #spare: Latencies[] = [];

  constructor(phases: readonly Phase[], width: number) {
    this.warmup = phases.reduce((sum, { counted, length }) => sum + (counted ? 0 : length), 0);
    this.width = width;
    this.#phases = phases
      .filter(({ counted }) => counted)
      .map((phase) => ({ phase, latencies: new Latencies(), failed: 0, calls: 0 }));
  }

  sent(due: number, now: number): void {
    this.inFlight += 1;
    this.begun += 1;
    if (due < this.warmup) return;
    const interval = this.#intervalAt(due);
    interval.due += 1;
    interval.inFlight = Math.max(interval.inFlight, this.inFlight);
    this.lateness.record(now - due);
  }

  /** A call has ended. `failure` is the kind of its error. */
  ended(due: number, now: number, failure: string | undefined): void {
    if (this.#isOver) return;
    const latency = now - due;
    this.inFlight -= 1;
    this.recent.record(latency);
    if (due < this.warmup) return;
    const interval = this.#intervalAt(due);
    const part = this.#phaseOf(due);
    this.latencies.record(latency);
    this.bins.record(latency);
    part.latencies.record(latency);
    this.#open.get(interval)?.record(latency);
    this.#count(interval, part, failure);
    this.#intervalAt(now).completed += 1;
    this.lastEnd = now;
  }

  /** A call was due, and was not sent because `kind`. */
  refuse(due: number, kind: string): void {
    if (due < this.warmup) return;
    const interval = this.#intervalAt(due);
    interval.due += 1;
    this.refused += 1;
    this.#count(interval, this.#phaseOf(due), kind);
  }

  /** Closes the intervals that are over, so that their memory does not grow with the run. */
  close(now: number): void {
    for (const [interval, latencies] of this.#open) {
      if (interval.start + this.width > now || interval.ended < interval.due) continue;
      this.#settle(interval, latencies);
    }
  }

  /** Ends the recording. Calls in flight do not count, and remain `inFlight`. */
  end(): void {
    this.#isOver = true;
    for (const [interval, latencies] of this.#open) this.#settle(interval, latencies);
  }

  phases(): PhaseResult[] {
    return this.#phases.map(({ phase, latencies, failed, calls }) => ({
      name: phase.name,
      calls,
      failed,
      latency: latencies.percentiles(),
    }));
  }

  #count(interval: Interval, part: { calls: number; failed: number }, failure: string | undefined): void {
    interval.ended += 1;
    this.calls += 1;
    part.calls += 1;
    if (failure === undefined) return;
    this.failed += 1;
    part.failed += 1;
    this.failures[failure] = (this.failures[failure] ?? 0) + 1;
    interval.failed[failure] = (interval.failed[failure] ?? 0) + 1;
  }

  #settle(interval: Interval, latencies: Latencies): void {
    if (latencies.count > 0) interval.latency = latencies.percentiles();
    this.#open.delete(interval);
    latencies.reset();
    this.#spare.push(latencies);
  }

  #intervalAt(time: number): Interval {
    const index = Math.floor((time - this.warmup) / this.width);
    for (let next = this.intervals.length; next <= index; next += 1) {
      const start = this.warmup + next * this.width;
      const interval = { start, due: 0, ended: 0, completed: 0, failed: {}, inFlight: 0, latency: undefined };
      this.intervals.push(interval);
      this.#open.set(interval, this.#spare.pop() ?? new Latencies(2));
    }
    return this.intervals[index]!;
  }

  #phaseOf(due: number): { readonly latencies: Latencies; failed: number; calls: number } {
    return this.#phases.findLast(({ phase }) => phase.start <= due) ?? this.#phases[0]!;
  }
}

/** The width of an interval: at most 80 of them fill the run. */
export function intervalWidth(duration: number): number {
  const widths = [100, 250, 500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000, 300_000];
  return widths.find((width) => duration / width <= 80) ?? Math.ceil(duration / 80);
}
