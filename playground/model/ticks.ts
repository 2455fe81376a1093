/** The measures of the last minute, a row every half second. */
import { ring } from './ring.ts';
import type { Measures, TickColumns, Ticks } from './types.ts';

/** ms */
export const tickEvery = 500;
const rows = 120;

interface Row {
  readonly time: number;
  readonly plain: Measures;
  readonly kyoa: Measures;
  readonly limit: number;
}

export interface TickLog {
  push(row: Row): void;
  read(): Ticks;
}

export function createTicks(): TickLog {
  const log = ring<Row>(rows);

  return {
    push(row) {
      log.push(row);
    },
    read() {
      const all = log.toArray();
      return {
        time: all.map(({ time }) => time),
        plain: columns(all.map(({ plain }) => plain)),
        kyoa: columns(all.map(({ kyoa }) => kyoa)),
        limit: all.map(({ limit }) => limit),
      };
    },
  };
}

function columns(measures: readonly Measures[]): TickColumns {
  const column = (name: keyof TickColumns): number[] => measures.map((each) => each[name] ?? Number.NaN);
  return {
    p50: column('p50'),
    p95: column('p95'),
    p99: column('p99'),
    success: column('success'),
    upstream: column('upstream'),
  };
}
