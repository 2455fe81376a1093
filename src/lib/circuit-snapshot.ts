/** A circuit as it can be shown, kept and given back. */
import { count, invalid, oneOf, record } from '../core/options.ts';

export interface CircuitSnapshot {
  /** An open circuit whose cooldown is over is half-open: the next call is a probe. */
  readonly state: 'closed' | 'open' | 'half-open';
  /** Within the window. */
  readonly calls: number;
  readonly failures: number;
  readonly slow: number;
  /** Since it was last closed. */
  readonly openings: number;
  /** The end of the cooldown, Unix ms; absent while it is closed. */
  readonly retryAt?: number;
}

/** What comes back may have been through a file. */
export function checkedSnapshot(name: string, past: CircuitSnapshot): CircuitSnapshot {
  record(name, past, [...counts, 'state', 'retryAt']);
  for (const member of counts) count(`${name} ${member}`, past[member]);
  const state = oneOf(`${name} state`, past.state, ['closed', 'open', 'half-open']);
  if (state === 'closed' ? past.retryAt !== undefined : !(past.retryAt! >= 0))
    throw invalid(`${name} retryAt`, past.retryAt, state === 'closed' ? 'absent from a closed circuit' : 'Unix ms');
  return past;
}

const counts = ['calls', 'failures', 'slow', 'openings'] as const;
