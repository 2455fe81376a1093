/** What a run has found, as plain data: the output of `--json`, and what the summary and the report show. */
import { withoutUrlSecrets } from '../../../src/core/errors.ts';
import { integer } from '../format.ts';
import type { Lane } from './generator.ts';
import type { Percentiles } from './latency.ts';
import type { Interval, PhaseResult } from './recorder.ts';
import type { Run } from './run.ts';
import type { Phase } from './schedule.ts';

/** Durations are in ms, ratios in 0..1, rates in calls a second. */
export interface Result {
  /** Without its query and its credentials. */
  readonly url: string;
  readonly method: string;
  readonly loop: 'open' | 'closed';
  readonly started: string;
  /** What was measured: without the warm-up, and up to Ctrl-C. */
  readonly measured: number;
  readonly interrupted: boolean;
  readonly phases: readonly Phase[];
  readonly contenders: readonly ContenderResult[];
  readonly thresholds: readonly Threshold[];
  /** What makes the figures doubtful, in sentences. */
  readonly warnings: readonly string[];
}

export interface ContenderResult {
  readonly name: string;
  readonly transport: string;
  /** Calls that have ended, failed ones included. */
  readonly calls: number;
  readonly failed: number;
  readonly failures: Readonly<Record<string, number>>;
  readonly errorRate: number;
  /** Ended calls a second. */
  readonly rate: number;
  /** Requests that reached the transport, for each call. The warm-up is included. */
  readonly requestsPerCall: number;
  /** Calls in flight at the end: at Ctrl-C, or event streams that do not end. They count nowhere else. */
  readonly unfinished: number;
  readonly latency: Percentiles;
  /** How late the calls were sent. It is part of their latency. */
  readonly lateness: Percentiles;
  readonly phases: readonly PhaseResult[];
  /** The length of an interval. */
  readonly width: number;
  readonly intervals: readonly Interval[];
  /** Calls by latency: ten bins a decade, from 0.01 ms. */
  readonly bins: readonly number[];
}

export interface Threshold {
  readonly option: string;
  readonly limit: number;
  readonly actual: number;
  readonly unit: 'ms' | 'ratio';
  readonly met: boolean;
}

export function resultOf(run: Run): Result {
  const { options, lanes } = run;
  const [first] = lanes as readonly [Lane, ...Lane[]];
  const end = run.interrupted ? Math.min(run.now(), run.duration) : run.duration;
  const measured = Math.max(0, end - first.recorder.warmup);
  const contenders = lanes.map((lane) => contenderResult(lane, measured));
  return {
    url: withoutUrlSecrets(options.url),
    method: options.method,
    loop: options.connections === undefined ? 'open' : 'closed',
    started: run.started.toISOString(),
    measured,
    interrupted: run.interrupted,
    phases: run.phases,
    contenders,
    thresholds: thresholdsOf(run, contenders[0]!),
    warnings: warningsOf(run, contenders),
  };
}

function contenderResult({ contender, recorder }: Lane, measured: number): ContenderResult {
  const { calls, failed, failures, inFlight, latencies, lateness, width, intervals, bins } = recorder;
  const seconds = Math.max(measured, recorder.lastEnd - recorder.warmup) / 1_000;
  return {
    name: contender.name,
    transport: contender.transport,
    calls,
    failed,
    failures: Object.fromEntries(Object.entries(failures).sort(([, a], [, b]) => b - a)),
    errorRate: calls === 0 ? 0 : failed / calls,
    rate: seconds === 0 ? 0 : calls / seconds,
    requestsPerCall: recorder.begun === 0 ? 0 : contender.requests() / recorder.begun,
    unfinished: inFlight,
    latency: latencies.percentiles(),
    lateness: lateness.percentiles(),
    phases: recorder.phases(),
    width,
    intervals,
    bins: bins.counts,
  };
}

function thresholdsOf({ options }: Run, { latency, errorRate, calls }: ContenderResult): Threshold[] {
  const { maxP99, maxErrors } = options;
  const threshold = (option: string, limit: number, actual: number, unit: Threshold['unit']): Threshold => {
    return { option, limit, actual, unit, met: calls > 0 && actual <= limit };
  };
  return [
    ...(maxP99 === undefined ? [] : [threshold('--max-p99', maxP99, latency.p99, 'ms')]),
    ...(maxErrors === undefined ? [] : [threshold('--max-errors', maxErrors, errorRate, 'ratio')]),
  ];
}

/** A generator that is later than this measures itself. */
const LATE = 10; // ms
const BUSY = 0.95;

function warningsOf({ lanes, options, busy = 0 }: Run, contenders: readonly ContenderResult[]): string[] {
  const [{ calls, failed, failures }] = contenders as readonly [ContenderResult, ...ContenderResult[]];
  const late = Math.max(...lanes.map(({ recorder }) => recorder.lateness.quantile(0.99)));
  const refused = lanes.reduce((sum, { recorder }) => sum + recorder.refused, 0);
  // A circuit opens because of other failures.
  const kinds = Object.keys(failures);
  const kind = kinds.find((kind) => kind !== 'circuit open') ?? kinds[0];
  const all: readonly (readonly [when: boolean, text: string])[] = [
    [calls === 0, 'No call that counts has ended.'],
    [calls > 0 && failed === calls, `No call succeeded (${kind}). Is the address right?`],
    [late > LATE, `This machine sent 1 % of the calls more than ${late.toFixed(0)} ms late: it may be the bottleneck.`],
    [busy > BUSY, 'This process was busy all the time: it, and not the server, may be the bottleneck.'],
    [
      refused > 0,
      `${integer(refused)} calls were due while ${integer(options.maxInFlight)} were in flight, and were not sent: the ` +
        'server is slower than the schedule. They count as failed. Lower --rate, or raise --max-in-flight.',
    ],
  ];
  return all.filter(([when]) => when).map(([, text]) => text);
}
