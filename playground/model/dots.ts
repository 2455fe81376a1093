/** The last calls of a lane, as the points of the chart. */
import { ring } from './ring.ts';
import type { CallOutcome, Dots } from './types.ts';

interface Dot {
  readonly time: number;
  readonly latency: number;
  readonly outcome: CallOutcome;
}

export interface DotLog {
  push(dot: Dot): void;
  read(): Dots;
}

const capacity = 2_000;

export function createDots(): DotLog {
  const log = ring<Dot>(capacity);

  return {
    push(dot) {
      log.push(dot);
    },
    read() {
      const all = log.toArray();
      return {
        time: all.map(({ time }) => time),
        latency: all.map(({ latency }) => latency),
        outcome: all.map(({ outcome }) => outcome),
      };
    },
  };
}
