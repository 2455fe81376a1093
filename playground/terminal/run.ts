/** One run: the traffic of both contenders, the outage of the preset, and the screen that shows them. */
import type { WriteStream } from 'node:tty';
import { board, BOARD_WIDTH, glance, progressBar } from './board.ts';
import type { Standing } from './board.ts';
import { kyoaContender, plainContender } from './contenders.ts';
import { count } from './figures.ts';
import type { Flags } from './flags.ts';
import type { Flaky } from '../server/flaky.ts';
import { scheduleOutage } from './outage.ts';
import type { Paint } from './paint.ts';
import { openScreen } from './screen.ts';
import { countSettled, createTally } from './tally.ts';
import type { Cell } from './table.ts';
import { traffic } from './traffic.ts';

export interface RunOptions {
  readonly flags: Flags;
  readonly flaky: Flaky;
  /** How long a caller of either contender waits for a complete response, ms. */
  readonly patience: number;
  readonly out: WriteStream;
  readonly paint: Paint;
  /** Ends the run early. Calls that have started are still completed. */
  readonly stop: AbortSignal;
}

/** Resolves to the final figures when the last call has ended. */
export async function run({ flags, flaky, patience, out, paint, stop }: RunOptions): Promise<Standing[]> {
  const { rate, seconds, preset } = flags;
  const contenders = [plainContender(), kyoaContender(patience)];
  const entrants = contenders.map((contender) => ({ contender, tally: createTally() }));
  const start = performance.now();
  const elapsed = (): number => (performance.now() - start) / 1_000;

  const cancelOutage = preset.outage && scheduleOutage(flaky, preset.outage, seconds * 1_000);
  const screen = openScreen(out, { frame, line }, BOARD_WIDTH);
  try {
    await traffic({ url: flaky.url, entrants, rate, seconds, patience, stop });
  } finally {
    cancelOutage?.();
    screen.close();
  }
  return standings();

  function standings(): Standing[] {
    const stats = flaky.stats();
    return entrants.map(({ contender: { name, lane, counters }, tally }) => {
      return { name, tally, counters, requests: stats[lane]?.requests ?? 0 };
    });
  }

  function frame(): string[] {
    return [...board(standings(), paint), progressBar(elapsed() / seconds, note(), paint)].map(indent);
  }

  function line(): string {
    return indent(glance(elapsed(), standings()));
  }

  function note(): Cell {
    if (flaky.settings().outage) return { text: 'outage', style: 'red' };
    if (elapsed() < seconds && !stop.aborted) return { text: `${elapsed().toFixed(1)} of ${seconds} s` };

    const waiting = entrants.reduce((sum, { tally }) => sum + tally.started - countSettled(tally), 0);
    return { text: waiting > 0 ? `${count(waiting)} still waiting` : 'done', style: 'dim' };
  }
}

function indent(line: string): string {
  return `  ${line}`;
}
