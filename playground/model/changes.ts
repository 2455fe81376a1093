/** The configurations before the last changes, for undo. */
import type { Configuration } from './types.ts';

export interface Changes {
  /**
   * Keeps the configuration before a change. Changes of one kind in quick succession are one: a slider reports many while
   * it moves.
   */
  keep(before: Configuration, kind: string): void;
  /** The configuration before the last change, which is forgotten then. */
  take(): Configuration | undefined;
  clear(): void;
  readonly length: number;
}

const most = 100;
/** ms */
const together = 400;

export function createChanges(): Changes {
  let kept: Configuration[] = [];
  let last = { kind: '', time: -Infinity };

  return {
    keep(before, kind) {
      const time = performance.now();
      if (kind !== last.kind || time - last.time > together) kept = [...kept.slice(1 - most), before];
      last = { kind, time };
    },
    take() {
      last = { kind: '', time: -Infinity };
      return kept.pop();
    },
    clear() {
      kept = [];
    },
    get length() {
      return kept.length;
    },
  };
}
