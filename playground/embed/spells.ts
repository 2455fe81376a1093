/** Lets a fault come and go, and remembers when. */
import type { Spell } from './exhibit.ts';

/** When a fault began and ended; `Infinity` while it lasts. */
export interface Band {
  readonly from: number;
  to: number;
}

export interface Spells {
  readonly bands: readonly Band[];
  /** Whether the fault lasts now. */
  readonly lasts: boolean;
  readonly start: () => void;
  /** Ends the fault, if it lasts. */
  readonly stop: () => void;
}

/** Bands that ended longer ago are out of every picture, ms. */
const SHOWN = 10_000;

export function createSpells({ calm, lasts }: Spell, now: () => number, set: (bad: boolean) => void): Spells {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let bands: Band[] = [];

  const begin = (): void => {
    bands = [...bands.filter(({ to }) => to > now() - SHOWN), { from: now(), to: Infinity }];
    set(true);
    timer = setTimeout(() => {
      end();
      timer = setTimeout(begin, calm);
    }, lasts);
  };
  const end = (): void => {
    const last = bands.at(-1);
    if (last?.to !== Infinity) return;
    last.to = now();
    set(false);
  };

  return {
    get bands() {
      return bands;
    },
    get lasts() {
      return bands.at(-1)?.to === Infinity;
    },
    start() {
      timer = setTimeout(begin, calm);
    },
    stop() {
      clearTimeout(timer);
      end();
    },
  };
}
