/** What becomes of one request: drawn once, when it arrives. */
import { normal } from './random.ts';
import type { Random } from './random.ts';
import type { Settings } from './settings.ts';

export type Fate =
  | { readonly outcome: 'answered'; readonly delay: number; readonly drips: boolean }
  | { readonly outcome: 'failed'; readonly delay: number; readonly status: number }
  /** `executed`: the connection broke after the work was done, so that only the answer is lost. */
  | { readonly outcome: 'reset'; readonly delay: number; readonly executed: boolean }
  | { readonly outcome: 'stalled' }
  | { readonly outcome: 'refused' };

/** How a request ended; `abandoned`: its caller left before the answer was out. */
export type Outcome = Fate['outcome'] | 'abandoned';

/** ms; beyond this nobody is waiting any more, and a timer beyond 2^31 - 1 would fire at once. */
const LONGEST = 120_000;

export function drawFate(settings: Settings, random: Random): Fate {
  // Always the same draws, used or not: changing one setting leaves the rest of the script as it was.
  const draw = {
    reset: random(),
    executed: random(),
    stall: random(),
    error: random(),
    status: random(),
    slow: random(),
    drip: random(),
    latency: normal(random),
  };
  const { latency, errors } = settings;

  if (settings.outage) return { outcome: 'refused' };
  if (draw.stall < settings.stalls) return { outcome: 'stalled' };

  const delay = Math.min(LONGEST, latency.median * Math.exp(latency.sigma * draw.latency));
  if (draw.reset < settings.resets) return { outcome: 'reset', delay, executed: draw.executed < 0.5 };
  const status = errors.statuses[Math.floor(draw.status * errors.statuses.length)] ?? 503;
  if (draw.error < errors.rate) return { outcome: 'failed', delay, status };

  const factor = draw.slow < latency.slow.share ? latency.slow.factor : 1;
  const drips = draw.drip < settings.drip.share;
  return { outcome: 'answered', delay: Math.min(LONGEST, delay * factor), drips };
}

/** Whether the server does the work that was asked for, whatever its caller gets to hear. */
export function isExecuted(fate: Fate): boolean {
  if (fate.outcome === 'reset') return fate.executed;
  return fate.outcome === 'answered' || fate.outcome === 'stalled';
}
