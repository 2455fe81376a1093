/**
 * A timer for a wait that nearly always ends long before its time. One of the platform costs two microseconds where it
 * is alone with its delay, as much as a small policy, and most answers come within milliseconds: so an alarm first
 * stands in a line with all the others, which one timer looks through, and has one of its own only after a while.
 */
import { Line, type InLine } from './line.ts';
import { after, afterIdly, longestDelay, type Timer } from './timer.ts';

/** An alarm stands in the line for as long as this, ms, and for at most twice that. */
const patience = 50;

const line = new Line<Alarm>();
let looking = false;

/** Under a test's fake timers, which may drop a timer of ours or stand still, every alarm is a timer of its own. */
const platformTimeout = globalThis.setTimeout;

/** Not a test's. */
export function timersAreReal(): boolean {
  return globalThis.setTimeout === platformTimeout;
}

export class Alarm implements InLine<Alarm> {
  line: Line<Alarm> | undefined;
  ahead: Alarm | undefined;
  behind: Alarm | undefined;
  readonly #set: number;
  readonly #ms: number;
  readonly #ring: () => void;
  readonly #idly: boolean;
  #timer: Timer;

  /** Runs `ring` once after `ms`; `idly`: without keeping a Node process alive, but for the moment in the line. */
  constructor(ms: number, ring: () => void, idly = false) {
    this.#set = performance.now();
    this.#ms = ms;
    this.#ring = ring;
    this.#idly = idly;
    if (ms < 2 * patience || !timersAreReal()) this.#start(ms);
    else if (ms <= longestDelay) {
      line.add(this);
      if (!looking) look();
    }
  }

  cancel(): void {
    if (!line.delete(this)) clearTimeout(this.#timer);
  }

  /** When it was set, on the clock of `performance.now()`. */
  get since(): number {
    return this.#set;
  }

  leave(now: number): void {
    line.delete(this);
    this.#start(this.#set + this.#ms - now);
  }

  #start(ms: number): void {
    this.#timer = (this.#idly ? afterIdly : after)(ms, this.#ring);
  }
}

function look(): void {
  looking = true;
  platformTimeout(() => {
    looking = false;
    const now = performance.now();
    for (const alarm of line) {
      if (alarm.since > now - patience) break;
      alarm.leave(now);
    }
    if (line.size > 0) look();
  }, patience);
}
