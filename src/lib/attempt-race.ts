/** Several copies of a call under way at once: the first good answer wins, and the others are let go. */
import { discard } from './body/discard.ts';
import { settle, type Outcome } from './outcome.ts';
import { childOf } from '../core/engine/lazy-abort.ts';

/** Sends one copy; the signal is the copy's own. */
export type Run = (signal: AbortSignal) => Promise<Response>;

export interface Rules {
  /** Such an outcome does not win while another copy is under way, or may yet come. */
  readonly isBad: (outcome: Outcome) => boolean;
  /** Asked for one more copy after each bad outcome, and by `extend`; never for two at a time. @default none */
  readonly more?: (after?: Outcome) => Promise<Run | undefined>;
}

export interface RaceResult {
  /** What stands: the good outcome, else the first copy's that is a Response, else the first copy's error. */
  readonly outcome: Outcome;
  /** Whose it is, from 0 on in the order of entering. */
  readonly copy: number;
  readonly good: boolean;
  /** By copy; `undefined` for one that was still under way. */
  readonly outcomes: readonly (Outcome | undefined)[];
}

export interface AttemptRace {
  readonly start: (...runs: readonly Run[]) => void;
  /** One more now, if there is one. */
  readonly extend: () => void;
  /** Somebody has won, all have failed, or the caller has left: nothing is sent any more. */
  readonly over: boolean;
  /** Rejects with the caller's own reason as soon as the caller leaves. */
  readonly result: Promise<RaceResult>;
}

/** One for all: the stack of a fresh one costs 9 microseconds, and would keep the winner's Response alive with the loser. */
const superseded = /* @__PURE__ */ new DOMException('Another copy of the request was answered first', 'AbortError');

/**
 * A loser that is under way is aborted; of one that has answered, or answers in spite of its signal, a short body is
 * read to its end, which keeps the connection. The winner's branch lives on under `parent`, so that limits above reach
 * its body; nothing else stays registered there, for it would keep an abandoned Response alive.
 */
export function attemptRace(parent: AbortSignal, { isBad, more = none }: Rules): AttemptRace {
  const branches: AbortController[] = [];
  const outcomes: (Outcome | undefined)[] = [];
  let running = 0;
  let coming = false;
  let over = false;
  let resolve: (result: RaceResult) => void;
  let reject: (error: unknown) => void;
  const result = new Promise<RaceResult>((done, failed) => {
    resolve = done;
    reject = failed;
  });

  /** Lets go of all copies but the one that stands. */
  const end = (standing?: number): void => {
    over = true;
    parent.removeEventListener('abort', leave);
    outcomes.forEach((outcome, copy) => {
      if (copy === standing) return;
      if (outcome === undefined) branches[copy]!.abort(parent.aborted ? parent.reason : superseded);
      else if (outcome.response) discard(outcome.response);
    });
  };
  const stand = (copy: number, good: boolean): void => {
    end(copy);
    resolve({ outcome: outcomes[copy]!, copy, good, outcomes });
  };
  const fail = (error: unknown): void => {
    if (!over) end();
    reject(error);
  };
  const leave = (): void => fail(parent.reason);

  const finish = async (copy: number, outcome: Outcome): Promise<void> => {
    if (over) return outcome.response && discard(outcome.response);
    outcomes[copy] = outcome;
    running -= 1;
    if (isBad(outcome)) return extend(outcome);
    stand(copy, true);
  };
  const enter = (...runs: readonly Run[]): void => {
    // All of them before the first is sent: one that fails at once must not take itself for the last.
    const copies = runs.map((run) => ({ run, copy: outcomes.push(undefined) - 1, branch: childOf(parent) }));
    branches.push(...copies.map(({ branch }) => branch));
    running += copies.length;
    for (const { run, copy, branch } of copies) {
      settle(run(branch.signal))
        .then((outcome) => finish(copy, outcome))
        .catch(fail);
    }
  };
  const extend = async (after?: Outcome): Promise<void> => {
    if (coming) return;
    coming = true;
    const run = await more(after);
    coming = false;
    if (over) return;
    if (run !== undefined) enter(run);
    else if (running === 0) stand(firstAnswer(outcomes), false);
  };

  if (parent.aborted) leave();
  else parent.addEventListener('abort', leave, { once: true });

  return {
    start: (...runs) => {
      if (!over) enter(...runs);
    },
    extend: () => void extend().catch(fail),
    get over() {
      return over;
    },
    result,
  };
}

/** An answer says more than an error; among equals the first copy's stands. */
function firstAnswer(outcomes: readonly (Outcome | undefined)[]): number {
  const index = outcomes.findIndex((outcome) => outcome?.response);
  return index < 0 ? 0 : index;
}

function none(): Promise<undefined> {
  return Promise.resolve(undefined);
}
