/** How many bytes the next append has. */
import type { Limits } from './protocol.ts';

const mebibyte = 1024 * 1024;
/** Google Cloud Storage and Cloudflare accept parts that are multiples of this. */
const step = 256 * 1024;
/** An append takes about this long, ms: long beside a round trip, short beside the limits of a call. */
const target = 2_000;
const largest = 64 * mebibyte;

/** A given size stays as it is. Without one, the size follows the speed of the connection: it begins with 1 MiB. */
export class ChunkSize {
  readonly #isGiven: boolean;
  #size: number;
  #max = Infinity;
  #min = 1;

  constructor(given: number | undefined) {
    this.#isGiven = given !== undefined;
    this.#size = given ?? mebibyte;
  }

  /** A client that knows these limits must keep them (draft §4.1.4). */
  bound({ maxAppend, minAppend }: Limits): void {
    if (maxAppend) this.#max = maxAppend;
    if (minAppend !== undefined) this.#min = Math.min(minAppend, this.#max);
  }

  get bytes(): number {
    return Math.min(Math.max(this.#size, this.#min), this.#max);
  }

  /** The server has confirmed this many bytes in one append that took `elapsed` ms. */
  confirmed(bytes: number, elapsed: number): void {
    if (this.#isGiven) return;
    const ideal = (bytes * target) / Math.max(elapsed, 1);
    const next = Math.min(Math.max(ideal, this.#size / 2), this.#size * 2, largest);
    this.#size = Math.max(step, Math.floor(next / step) * step);
  }

  /** An append has failed: the next one is half as long. Returns whether it can be. */
  halve(): boolean {
    if (this.#isGiven || this.bytes <= Math.max(this.#min, step / 4)) return false;
    this.#size = Math.floor(this.bytes / 2);
    return true;
  }
}
