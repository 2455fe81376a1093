/** One run of `load`, from the first call to the last response. */
import { performance } from 'node:perf_hooks';

import { contendersOf } from './contender.ts';
import { closedLoop, openLoop, type Clock, type Lane } from './generator.ts';
import type { LoadOptions } from './options.ts';
import { intervalWidth, Recorder } from './recorder.ts';
import { schedule, type Phase } from './schedule.ts';

/** A run under way, and afterwards. */
export interface Run {
  readonly options: LoadOptions;
  readonly phases: readonly Phase[];
  readonly lanes: readonly Lane[];
  readonly started: Date;
  /** ms, the warm-up included. */
  readonly duration: number;
  /** ms since the start. */
  readonly now: () => number;
  readonly interrupted: boolean;
  /** The share of the time in which the event loop was busy, at the end of a closed loop. */
  readonly busy: number | undefined;
}

const CLOSE_EVERY = 500; // ms

/** The time after its timeout in which a call must have ended. */
const GRACE = 2_000; // ms

/**
 * Resolves when each call has ended, at most `timeout` after the last one was due. After `signal` has aborted, it does not
 * wait for the calls in flight.
 */
export async function runLoad(
  options: LoadOptions,
  signal: AbortSignal,
  watch: (run: Run) => Disposable,
): Promise<Run> {
  const plan = schedule(options.connections === undefined ? options : { ...options, peak: 1 });
  const phases = options.connections === undefined ? plan.phases : plan.phases.map(asClosed(options.connections));
  const width = intervalWidth(options.for);
  const contenders = await contendersOf(options);
  const lanes = contenders.map((contender) => ({ contender, recorder: new Recorder(phases, width) }));

  const origin = performance.now();
  const clock = (): number => performance.now() - origin;
  const load = performance.eventLoopUtilization();
  const run = {
    options,
    phases,
    lanes,
    started: new Date(),
    duration: plan.duration,
    now: clock,
    interrupted: false,
    busy: undefined as number | undefined,
  };
  const timer = setInterval(() => {
    for (const { recorder } of lanes) recorder.close(clock());
  }, CLOSE_EVERY);
  const view = watch(run);
  try {
    const sending =
      options.connections === undefined
        ? openLoop(lanes, plan, clock, options.maxInFlight, signal)
        : closedLoop(lanes, options.connections, plan.duration, clock, signal);
    await endOf(sending, lanes, plan.duration + options.timeout + GRACE, clock, signal);
    if (options.connections !== undefined) run.busy = performance.eventLoopUtilization(load).utilization;
  } finally {
    clearInterval(timer);
    run.interrupted = signal.aborted;
    for (const { recorder } of lanes) recorder.end();
    const end = clock();
    run.now = () => end;
    view[Symbol.dispose]();
    await Promise.all(contenders.map((contender) => contender.close()));
  }
  return run;
}

function asClosed(connections: number): (phase: Phase) => Phase {
  return (phase) => ({ ...phase, name: phase.counted ? `${connections} connections` : phase.name, from: 0, to: 0 });
}

/** Until each call has ended, or could have. An event stream without an end has no total limit. */
async function endOf(
  sending: Promise<void>,
  lanes: readonly Lane[],
  latest: number,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  const aborted = new Promise<unknown>((resolve) => {
    if (signal.aborted) resolve(undefined);
    signal.addEventListener('abort', resolve, { once: true });
  });
  let isSent = false;
  const sent = sending.then(() => (isSent = true));
  const poll = (ms: number): Promise<unknown> => new Promise((resolve) => setTimeout(resolve, ms));
  const isOver = (): boolean => signal.aborted || clock() >= latest;
  while (!isSent && !isOver()) await Promise.race([sent, aborted, poll(100)]);
  while (lanes.some(({ recorder }) => recorder.inFlight > 0) && !isOver()) await Promise.race([aborted, poll(5)]);
}
