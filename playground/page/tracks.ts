/** Assigns each call to a row of the waterfall while the call is visible. A call that finds no free row is skipped. */
import type { CallRecord } from '../model/types.ts';

export interface Tracks {
  /**
   * Places the new ones of `calls` (newest first) and removes the calls that ended before the last `window` ms. A call
   * occupies its row for at least `least` ms.
   */
  take(calls: readonly CallRecord[], now: number, window: number, least: number): void;
  readonly rows: readonly (readonly CallRecord[])[];
  /** How many calls were skipped since the last `clear`. */
  readonly skipped: number;
  clear(): void;
}

export function createTracks(height: number): Tracks {
  let rows: CallRecord[][] = Array.from({ length: height }, () => []);
  let last = 0;
  let next = 0;
  let skipped = 0;

  function place(call: CallRecord, least: number): void {
    for (let i = 0; i < height; i += 1) {
      const row = rows[(next + i) % height]!;
      const before = row.at(-1);
      if (before && (before.end === undefined || Math.max(before.end, before.start + least) > call.start)) continue;
      row.push(call);
      next = (next + i + 1) % height; // the next call goes into the row below, so that calls form a cascade
      return;
    }
    skipped += 1;
  }

  return {
    take(calls, now, window, least) {
      const newest = calls[0]?.number ?? 0;
      if (newest < last) this.clear();
      let fresh = 0;
      while (fresh < calls.length && calls[fresh]!.number > last) fresh += 1;
      for (let i = fresh - 1; i >= 0; i -= 1) place(calls[i]!, least);
      last = newest;
      for (const row of rows) {
        while (row[0]?.end !== undefined && row[0].end < now - window) row.shift();
      }
    },
    get rows() {
      return rows;
    },
    get skipped() {
      return skipped;
    },
    clear() {
      rows = Array.from({ length: height }, () => []);
      last = 0;
      next = 0;
      skipped = 0;
    },
  };
}
