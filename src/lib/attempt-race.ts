/** A race of several copies of a request: the first good outcome wins, and the other copies are aborted. */
import { childOf, SignalSource } from '../core/engine/lazy-abort.ts';
import { afterRest, LimitTimer } from '../core/engine/timers.ts';
import { noop } from './noop.ts';
import { discardOutcome, settleThen, type Outcome } from './outcome.ts';

/** Sends one copy. The signal belongs to this copy alone. */
export type Send = (signal: AbortSignal) => Promise<Response>;

export interface RaceResult {
  /** The good outcome; if all copies failed, the first copy's response, or the first copy's error if none has a response. */
  readonly outcome: Outcome;
  /** The copy that has this outcome: 0 for the one that was started first. */
  readonly copy: number;
  readonly good: boolean;
}

/** A policy drives the race: it starts a copy, waits for a failure, starts the next copy, and at last waits for the result. */
export interface AttemptRace {
  /** Starts one more copy, unless the race is over. */
  start(send: Send): void;
  /** Resolves to the next bad outcome, or to `undefined` after `ms` or at the end of the race. */
  failure(ms: number): Promise<Outcome | undefined>;
  /** Ends a wait of `failure`, which resolves to `undefined`. */
  wake(): void;
  /** Resolves as `work` does, or to `undefined` at the end of the race. */
  unlessOver<T>(work: Promise<T>): Promise<T | undefined>;
  /** The race ends when a copy has won, when the caller has aborted or when `isBad` throws. */
  isOver(): boolean;
  /** Resolves when a copy has won, or all copies have failed; no further copy may be started. Rejects with the caller's reason. */
  result(): Promise<RaceResult>;
  /** By copy; `undefined` for a copy that has no outcome yet, or lost before it had one. */
  readonly outcomes: readonly (Outcome | undefined)[];
  /** Aborts the copies that are running, if the race is not over. */
  cancel(): void;
}

type End =
  | { readonly winner: number; readonly good: boolean }
  | { readonly winner?: undefined; readonly error: unknown };

/** One error for all losers: a new one takes 9 microseconds for its stack, and would keep the winning Response in memory. */
const superseded = /* @__PURE__ */ new DOMException('Another copy of the request was answered first', 'AbortError');

/**
 * A copy that loses while it is running is aborted. Of a loser that has a response, or gets one in spite of the abort,
 * a short body is read to its end, which keeps the connection. The signal of the winner stays registered on `parent`,
 * so that the abort of the call reaches the body. Nothing else does, because it would keep an abandoned Response in
 * memory.
 */
export function attemptRace(parent: AbortSignal, isBad: (outcome: Outcome) => boolean): AttemptRace {
  const controllers: AbortController[] = [];
  const outcomes: (Outcome | undefined)[] = [];
  let running = 0;
  let end: End | undefined;
  /** Wakes the policy: with a bad outcome, or without one when a delay or the race is over. */
  let wake: (failed?: Outcome) => void = noop;

  const finish = (how: End): End => {
    if (end !== undefined) return end;
    end = how;
    parent.removeEventListener('abort', leave);
    outcomes.forEach((outcome, copy) => {
      if (copy === how.winner) return;
      if (outcome !== undefined) discardOutcome(outcome);
      else controllers[copy]!.abort(parent.aborted ? parent.reason : superseded);
    });
    wake();
    return how;
  };
  const fail = (error: unknown): void => void finish({ error });
  const leave = (): void => fail(parent.reason);

  const settled = (copy: number, outcome: Outcome): void => {
    if (end !== undefined) return discardOutcome(outcome);
    outcomes[copy] = outcome;
    running -= 1;
    if (isBad(outcome)) wake(outcome);
    else finish({ winner: copy, good: true });
  };

  const start = (send: Send): void => {
    if (end !== undefined) return;
    const controller = childOf(new SignalSource(parent));
    controllers.push(controller);
    const copy = outcomes.push(undefined) - 1;
    running += 1;
    settleThen(send(controller.signal), (outcome) => settled(copy, outcome)).catch(fail);
  };

  const failure = (ms: number): Promise<Outcome | undefined> => {
    if (end !== undefined) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      const timer = new LimitTimer(ms, (rest) => afterRest(rest, () => wake()));
      wake = (failed) => {
        timer.cancel();
        resolve(failed);
      };
    });
  };

  const unlessOver = <T>(work: Promise<T>): Promise<T | undefined> =>
    new Promise((resolve, reject) => {
      work.then(resolve, reject);
      wake = (failed) => {
        if (failed === undefined) resolve(undefined);
      };
      if (end !== undefined) wake();
    });

  const result = async (): Promise<RaceResult> => {
    while (end === undefined && running > 0) await failure(Infinity);
    const how = finish({ winner: firstResponse(outcomes), good: false });
    if (how.winner === undefined) throw how.error;
    return { outcome: outcomes[how.winner]!, copy: how.winner, good: how.good };
  };

  if (parent.aborted) leave();
  else parent.addEventListener('abort', leave, { once: true });
  return {
    start,
    failure,
    wake: () => wake(),
    unlessOver,
    isOver: () => end !== undefined,
    result,
    outcomes,
    cancel: () => fail(superseded),
  };
}

/** A response is worth more than an error. Among equals the first copy's outcome is the result. */
function firstResponse(outcomes: readonly (Outcome | undefined)[]): number {
  const index = outcomes.findIndex((outcome) => outcome?.response);
  return index < 0 ? 0 : index;
}
