/** Sends calls: by an arrival schedule, or as fast as a number of connections gets responses. */
import type { Contender } from './contender.ts';
import type { Recorder } from './recorder.ts';
import type { Schedule } from './schedule.ts';

/** A contender with its recorder. */
export interface Lane {
  readonly contender: Contender;
  readonly recorder: Recorder;
}

/** Milliseconds since the start of the run. */
export type Clock = () => number;

/** A timer fires up to a millisecond late, so the last part of a wait is spent in turns of the event loop. */
const TIMER_ERROR = 2;

/** Calls that are sent in one turn of the event loop when several are due: responses must be read as well. */
const BURST = 100;

/**
 * Sends each call when it is due, without regard to those before it. If the process was late, the calls that it missed are
 * sent at once, and their latency counts from when they were due. Resolves when the last call has been sent.
 */
export function openLoop(
  lanes: readonly Lane[],
  { due }: Schedule,
  clock: Clock,
  maxInFlight: number,
  signal: AbortSignal,
): Promise<void> {
  let index = 0;
  return new Promise((resolve) => {
    const turn = (): void => {
      for (let sent = 0; sent < BURST; sent += 1) {
        // The calls of a second lane lie between those of the first.
        const lane = lanes[index % lanes.length]!;
        const time = due(index / lanes.length);
        if (time === undefined || signal.aborted) return resolve();
        const ahead = time - clock();
        if (ahead > TIMER_ERROR) return void setTimeout(turn, Math.min(ahead - TIMER_ERROR, 100));
        if (ahead > 0) break;
        start(lane, time, clock, maxInFlight);
        index += 1;
      }
      setImmediate(turn);
    };
    turn();
  });
}

/** The kind of failure of a call that was due when too many were in flight. */
export const notSent = 'not sent';

function start({ contender, recorder }: Lane, due: number, clock: Clock, maxInFlight: number): void {
  if (recorder.inFlight >= maxInFlight) return recorder.refuse(due, notSent);
  recorder.sent(due, clock());
  void contender.call().then((failure) => recorder.ended(due, clock(), failure));
}

/** Keeps a number of calls in flight, each of which follows the one before it. Resolves when the last one has ended. */
export async function closedLoop(
  lanes: readonly Lane[],
  connections: number,
  duration: number,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  const connection = async ({ contender, recorder }: Lane): Promise<void> => {
    for (let due = clock(); due < duration && !signal.aborted; due = clock()) {
      recorder.sent(due, due);
      const failure = await contender.call();
      recorder.ended(due, clock(), failure);
    }
  };
  await Promise.all(lanes.flatMap((lane) => Array.from({ length: connections }, () => connection(lane))));
}
