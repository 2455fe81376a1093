/** The fate of a request: the delay and the fault, or none, that are drawn once, when the request arrives. */
import { normal } from './random.ts';
import type { Random } from './random.ts';
import type { Settings } from './settings.ts';

export type Fate =
  | { readonly outcome: 'answered'; readonly delay: number; readonly drips: boolean }
  /** `after`: the share of the body after which its connection breaks. */
  | { readonly outcome: 'cut'; readonly delay: number; readonly drips: boolean; readonly after: number }
  | { readonly outcome: 'failed'; readonly delay: number; readonly status: number }
  /** `executed`: the connection is reset after the server did the work, so only the response is lost. */
  | { readonly outcome: 'reset'; readonly delay: number; readonly executed: boolean }
  | { readonly outcome: 'stalled' }
  | { readonly outcome: 'refused' };

/** How a request ended. `abandoned`: the client disconnected before the response was complete. */
export type Outcome = Fate['outcome'] | 'abandoned';

/** ms. No caller waits longer, and a timer of more than 2^31 - 1 ms would fire at once. */
const LONGEST = 120_000;

export function drawFate(settings: Settings, random: Random): Fate {
  // The same draws are made for every request, used or not. A change of one setting leaves all other draws as they were.
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
  const sent = { delay: Math.min(LONGEST, delay * factor), drips };
  // No draws of its own: they would change the fates of every seed. A response uses neither of these two.
  if (draw.executed < settings.cuts) return { outcome: 'cut', ...sent, after: 0.2 + 0.6 * draw.status };
  return { outcome: 'answered', ...sent };
}

/** Whether the server executes the request, independent of the response that the client receives. */
export function isExecuted(fate: Fate): boolean {
  if (fate.outcome === 'reset') return fate.executed;
  return fate.outcome === 'answered' || fate.outcome === 'cut' || fate.outcome === 'stalled';
}
