/** p-timeout's race, with a timer that its caller may let run on: a limit may go beyond the answer, to the last byte. */
import pTimeout from 'p-timeout';
import { ignore } from './body.ts';
import { after, type Timer } from './timer.ts';

export interface Race {
  readonly answer: Promise<Response>;
  /** The caller's to clear, whatever comes of the race; `undefined` for a limit that never runs out. */
  readonly timer: Timer;
}

/** Rejects with what `expire` gives when there is no answer within `ms`. */
export function within(ms: number, answer: Promise<Response>, expire: () => Error): Race {
  let timer: Timer;
  const race = pTimeout(answer, {
    milliseconds: ms,
    customTimers: {
      setTimeout: ((run: () => void, ms: number) => (timer = after(ms, run))) as typeof setTimeout,
      clearTimeout: ignore,
    },
    // p-timeout's own error would cost every call a stack trace; this one is made when it is needed.
    fallback() {
      throw expire();
    },
  });
  return { answer: race, timer };
}
