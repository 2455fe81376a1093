/** A circuit: closed, open or half-open by the clock alone, so that no timer has to fire for it to move on. */
import { count, invalid, oneOf, knownKeys } from '../../core/options.ts';
import type { Backoff } from '../../lib/backoff.ts';
import { rollingCounter } from '../../lib/rolling-counter.ts';

/** A circuit as it can be shown, kept and given back. */
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

export interface Circuit {
  /** The pass of a call, to be given back by `leave`; `undefined`: the call is refused. */
  acquire(rules: Rules): Permit | undefined;
  /** Says what became of the call, `undefined` for neither good nor bad; and hears what this made of the circuit. */
  record(pass: Permit, verdict: Verdict | undefined, rules: Rules): 'opened' | 'closed' | undefined;
  /** When a call may pass that is refused now, Unix ms; `undefined` while it is closed. */
  readonly retryAt: number | undefined;
  readonly snapshot: CircuitSnapshot;
}

export interface Permit {
  /** When a probe's permit ends, whatever has become of the probe, ms on the clock of `performance.now()`. */
  readonly expires?: number;
  readonly generation: Generation;
}

/** From one transition to the next: what was let in before the last one no longer counts. */
type Generation = symbol;

export interface Verdict {
  readonly failed: boolean;
  readonly slow: boolean;
}

export interface Rules {
  readonly ratio: number;
  readonly volume: number;
  readonly slow: { readonly over: number; readonly ratio: number } | false;
  /** ms, or a backoff of the number of openings since the circuit was last closed. */
  readonly cooldown: number | Backoff;
  readonly random: () => number;
}

/** A probe that hangs blocks the others for as long as a cooldown can last, but not for less than this, ms: a backoff may be 0. */
const shortestPermit = 1_000;

export function circuit(window: number, probes: number, past?: CircuitSnapshot): Circuit {
  const calls = rollingCounter(window);
  const failures = rollingCounter(window);
  const slow = rollingCounter(window);
  const probing = new Set<Permit>();
  let pass: Permit = { generation: Symbol('era') };
  let openings = 0;
  let successes = 0;
  /** The end of the cooldown on the clock of `performance.now()`; `undefined` while the circuit is closed. */
  let until: number | undefined;

  if (past !== undefined) {
    calls.add(past.calls);
    failures.add(past.failures);
    slow.add(past.slow);
    openings = past.openings;
    if (past.retryAt !== undefined) until = performance.now() + past.retryAt - Date.now();
  }

  const turn = (): void => {
    pass = { generation: Symbol('era') };
    probing.clear();
    successes = 0;
  };
  const open = ({ cooldown, random }: Rules): 'opened' => {
    turn();
    openings += 1;
    until = performance.now() + cooldownTime(cooldown, openings, random);
    return 'opened';
  };
  const close = (): 'closed' => {
    turn();
    openings = 0;
    until = undefined;
    for (const count of [calls, failures, slow]) count.clear();
    return 'closed';
  };
  const unixTime = (moment: number): number => Math.ceil(Date.now() + moment - performance.now());

  return {
    acquire({ cooldown }) {
      if (until === undefined) return pass;
      const now = performance.now();
      if (now < until) return undefined;
      for (const probe of probing) if (probe.expires! <= now) probing.delete(probe);
      if (probing.size + successes >= probes) return undefined;
      const longestCooldown = cooldownTime(cooldown, openings, () => 1);
      const probe: Permit = { generation: pass.generation, expires: now + Math.max(shortestPermit, longestCooldown) };
      probing.add(probe);
      return probe;
    },

    record(left, verdict, rules) {
      probing.delete(left);
      if (left.generation !== pass.generation || verdict === undefined) return undefined;
      const bad = verdict.failed || verdict.slow;
      if (until !== undefined) {
        if (bad) return open(rules);
        successes += 1;
        return successes >= probes ? close() : undefined;
      }
      calls.add();
      if (!bad) return undefined;
      if (verdict.failed) failures.add();
      if (verdict.slow) slow.add();
      const all = calls.total;
      if (all < rules.volume) return undefined;
      const tripped =
        (verdict.failed && failures.total / all >= rules.ratio) ||
        (verdict.slow && rules.slow !== false && slow.total / all >= rules.slow.ratio);
      return tripped ? open(rules) : undefined;
    },

    get retryAt() {
      if (until === undefined) return undefined;
      const ends = Array.from(probing, ({ expires }) => expires!);
      return unixTime(ends.length === 0 ? until : Math.min(...ends));
    },

    get snapshot(): CircuitSnapshot {
      const counts = { calls: calls.total, failures: failures.total, slow: slow.total, openings };
      if (until === undefined) return { state: 'closed', ...counts };
      return { state: performance.now() < until ? 'open' : 'half-open', ...counts, retryAt: unixTime(until) };
    },
  };
}

/**
 * A number is drawn from half of it to all of it, as Finagle's FailureAccrual does: clients that were refused together
 * do not probe together.
 */
function cooldownTime(cooldown: number | Backoff, opening: number, random: () => number): number {
  return typeof cooldown === 'function' ? cooldown(opening, random) : (cooldown / 2) * (1 + random());
}

/** What comes back may have been through a file. */
export function checkedSnapshot(name: string, past: CircuitSnapshot): CircuitSnapshot {
  knownKeys(name, past, [...counts, 'state', 'retryAt']);
  for (const member of counts) count(`${name} ${member}`, past[member]);
  const state = oneOf(`${name} state`, past.state, ['closed', 'open', 'half-open']);
  if (state === 'closed' ? past.retryAt !== undefined : !(past.retryAt! >= 0))
    throw invalid(`${name} retryAt`, past.retryAt, state === 'closed' ? 'absent from a closed circuit' : 'Unix ms');
  return past;
}

const counts = ['calls', 'failures', 'slow', 'openings'] as const;
