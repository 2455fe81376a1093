/**
 * A circuit. It opens when too many calls of the window have failed or were slow. When its cooldown is over it is
 * half-open: the clock is read at the next call, so no timer is needed. A half-open circuit gives up to `probes` calls a
 * permit and refuses all others. If all probes succeed, it closes; if one fails, it opens again. A probe that neither
 * succeeds nor fails loses its permit after the longest cooldown, at least 1 s.
 */
import { count, invalid, oneOf, knownKeys } from '../../core/options.ts';
import type { Backoff } from '../../lib/backoff.ts';
import { rollingCounter } from '../../lib/rolling-counter.ts';

/**
 * The state of a circuit, as plain JSON.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/breaker.md
 */
export interface CircuitSnapshot {
  /** An open circuit whose cooldown is over is half-open: the next call is a probe. */
  readonly state: 'closed' | 'open' | 'half-open';
  /** Calls within the window, like `failures` and `slow`. */
  readonly calls: number;
  readonly failures: number;
  readonly slow: number;
  /** How often the circuit has opened since it was last closed. */
  readonly openings: number;
  /** The end of the cooldown, Unix ms; absent while the circuit is closed. */
  readonly retryAt?: number;
}

export interface Circuit {
  /** The permit of a call, to be passed to `record` when the call has settled; `undefined` if the call is refused. */
  acquire(rules: Rules): Permit | undefined;
  /** Counts the call and returns the transition that it caused. An `undefined` verdict is not counted. */
  record(permit: Permit, verdict: Verdict | undefined, rules: Rules): 'opened' | 'closed' | undefined;
  /** When a call that is refused now may pass, Unix ms; `undefined` while the circuit is closed. */
  readonly retryAt: number | undefined;
  readonly snapshot: CircuitSnapshot;
}

export interface Permit {
  /** When the permit of a probe lapses, ms on the clock of `performance.now()`; absent unless the call is a probe. */
  readonly expires?: number;
  readonly generation: Generation;
}

/** The time between two transitions. A call that began in an earlier generation does not count in the present one. */
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

/**
 * The permit of a probe lasts as long as the longest cooldown, and at least this long, ms: a backoff may return 0.
 * Until then a probe that hangs keeps its permit from other calls.
 */
const shortestPermit = 1_000;

export function circuit(window: number, probes: number, initial?: CircuitSnapshot): Circuit {
  const calls = rollingCounter(window);
  const failures = rollingCounter(window);
  const slow = rollingCounter(window);
  const probing = new Set<Permit>();
  let current: Permit = { generation: Symbol('generation') };
  let openings = 0;
  let successes = 0;
  /** The end of the cooldown on the clock of `performance.now()`; `undefined` while the circuit is closed. */
  let openUntil: number | undefined;

  if (initial !== undefined) {
    calls.add(initial.calls);
    failures.add(initial.failures);
    slow.add(initial.slow);
    openings = initial.openings;
    if (initial.retryAt !== undefined) openUntil = performance.now() + initial.retryAt - Date.now();
  }

  const nextGeneration = (): void => {
    current = { generation: Symbol('generation') };
    probing.clear();
    successes = 0;
  };
  const open = ({ cooldown, random }: Rules): 'opened' => {
    nextGeneration();
    openings += 1;
    openUntil = performance.now() + cooldownTime(cooldown, openings, random);
    return 'opened';
  };
  const close = (): 'closed' => {
    nextGeneration();
    openings = 0;
    openUntil = undefined;
    for (const counter of [calls, failures, slow]) counter.clear();
    return 'closed';
  };
  const toUnixTime = (time: number): number => Math.ceil(Date.now() + time - performance.now());

  return {
    acquire({ cooldown }) {
      if (openUntil === undefined) return current;
      const now = performance.now();
      if (now < openUntil) return undefined;
      for (const probe of probing) if (probe.expires! <= now) probing.delete(probe);
      if (probing.size + successes >= probes) return undefined;
      const longestCooldown = cooldownTime(cooldown, openings, () => 1);
      const probe: Permit = {
        generation: current.generation,
        expires: now + Math.max(shortestPermit, longestCooldown),
      };
      probing.add(probe);
      return probe;
    },

    record(permit, verdict, rules) {
      probing.delete(permit);
      if (permit.generation !== current.generation || verdict === undefined) return undefined;
      const bad = verdict.failed || verdict.slow;
      if (openUntil !== undefined) {
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
      if (openUntil === undefined) return undefined;
      const expiries = Array.from(probing, ({ expires }) => expires!);
      return toUnixTime(expiries.length === 0 ? openUntil : Math.min(...expiries));
    },

    get snapshot(): CircuitSnapshot {
      const counts = { calls: calls.total, failures: failures.total, slow: slow.total, openings };
      if (openUntil === undefined) return { state: 'closed', ...counts };
      const state = performance.now() < openUntil ? 'open' : 'half-open';
      return { state, ...counts, retryAt: toUnixTime(openUntil) };
    },
  };
}

/**
 * A number is drawn from half of it to all of it, as Finagle's FailureAccrual does: clients that were refused together
 * do not probe together.
 */
function cooldownTime(cooldown: number | Backoff, openings: number, random: () => number): number {
  return typeof cooldown === 'function' ? cooldown(openings, random) : (cooldown / 2) * (1 + random());
}

/** Checks a snapshot, which another process may have written. */
export function checkedSnapshot(name: string, snapshot: CircuitSnapshot): CircuitSnapshot {
  knownKeys(name, snapshot, [...counts, 'state', 'retryAt']);
  for (const member of counts) count(`${name} ${member}`, snapshot[member]);
  const state = oneOf(`${name} state`, snapshot.state, ['closed', 'open', 'half-open']);
  if (state === 'closed' ? snapshot.retryAt !== undefined : !(snapshot.retryAt! >= 0))
    throw invalid(`${name} retryAt`, snapshot.retryAt, state === 'closed' ? 'absent from a closed circuit' : 'Unix ms');
  return snapshot;
}

const counts = ['calls', 'failures', 'slow', 'openings'] as const;
