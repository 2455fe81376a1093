/** From measurements to a policy document, with the reason of each option. */
import type { PolicyDocument, PolicyEntry } from '../../../src/policy.ts';
import { ms, percent } from '../format.ts';
import type { Samples } from './measure.ts';

export interface Advice {
  readonly document: PolicyDocument;
  /** By policy: what was measured, and what follows. */
  readonly reasons: readonly (readonly [policy: string, reason: string])[];
  /** What the figures cannot say, in sentences. */
  readonly warnings: readonly string[];
}

/** With fewer, a 99th percentile is one call. */
const enough = 100;
const hedgeRatios = [0.02, 0.05, 0.1];

/** `rate`: the calls a second that the program expects at its peak. */
export function adviceOn({ samples, last }: Samples, rate: number): Advice {
  const headers = sorted(samples.flatMap((sample) => sample.headers ?? []));
  const whole = sorted(samples.flatMap((sample) => sample.whole ?? []));
  const failures = samples.flatMap(({ failure }) => failure ?? []);
  const [p50, p95, p99] = [0.5, 0.95, 0.99].map((q) => quantile(headers, q)) as [number, number, number];
  const slowest = whole.at(-1)!;
  const limit = rounded(Math.max(250, 3 * p99));
  const retries = 2;
  const total = rounded(Math.max(2_000, (retries + 1) * limit + 2_000));

  const use: PolicyEntry[] = [];
  const reasons: [string, string][] = [];
  const add = (policy: string, options: object, reason: string): void => {
    use.push({ [policy]: options });
    reasons.push([policy, reason]);
  };

  add(
    'timeout',
    { total, idle: 30_000 },
    `the whole call took up to ${ms(slowest)}. ${ms(total)} leaves time for ${retries + 1} attempts and their pauses`,
  );
  add('dedupe', {}, 'concurrent calls for the same resource share one request');
  add(
    'retry',
    { retries, backoff: { exponential: [rounded(Math.max(50, p50)), 5_000] }, budget: { ratio: 0.1 } },
    `${failures.length === 0 ? `none of ${samples.length} calls failed` : `${failures.length} of ${samples.length} calls failed (${[...new Set(failures)].join(', ')})`}. Two retries bring a failure of 1 % down to one in a million; the budget keeps the extra load at 10 %`,
  );
  const volume = Math.max(5, Math.min(20, Math.round(rate * 2)));
  add(
    'breaker',
    { volume },
    `at ${rate} calls a second, ${volume} calls are ${ms((1_000 * volume) / rate)}: enough to judge, soon enough to help`,
  );
  addLimit();
  addHedge();
  add(
    'timeout',
    { headers: { adaptive: { min: Math.max(50, rounded(2 * p95)), initial: limit, max: limit } } },
    `headers came in ${ms(p50)} (half), ${ms(p99)} (99 %). An attempt that waits for three times the latter is lost`,
  );

  return { document: { use }, reasons, warnings: warningsOf() };

  function addLimit(): void {
    const announced = announcedLimit(last);
    const concurrency = Math.max(4, Math.ceil((2 * rate * p95) / 1_000));
    const reason = `by Little's law ${rate} calls a second of ${ms(p95)} are ${Math.ceil((rate * p95) / 1_000)} at a time; twice that is room for a slow minute`;
    const too =
      announced === undefined ? '' : `. The server announces ${announced.count} calls in ${ms(announced.window)}`;
    add('limit', { concurrency, ...(announced && { rate: announced }) }, `${reason}${too}`);
  }

  /** The smallest share of copies that pays. */
  function addHedge(): void {
    const tries = hedgeRatios.map((ratio) => {
      const delay = quantile(headers, 1 - ratio);
      return { ratio, delay, with99: hedged99(headers, delay) };
    });
    const best = tries.find(({ with99 }) => headers.length >= enough && with99 < 0.8 * p99);
    if (best === undefined) {
      const { delay, with99, ratio } = tries.at(-1)!;
      const effect = `a copy after ${ms(delay)} would bring the 99th percentile from ${ms(p99)} to ${ms(with99)}`;
      reasons.push(['hedge', `left out: ${effect}, too little for ${percent(ratio)} more requests`]);
      return;
    }
    const { ratio, delay, with99 } = best;
    const effect = `a copy after ${ms(delay)} brings the 99th percentile from ${ms(p99)} to about ${ms(with99)}`;
    add('hedge', { ratio }, `${effect}, for ${percent(ratio)} more requests, if a slow call is slow by chance`);
  }

  function warningsOf(): string[] {
    return [
      ...(samples.length < enough
        ? [`${samples.length} calls are few: the 99th percentile is one of them. Take --calls ${enough} or more.`]
        : []),
      ...(failures.length > samples.length / 10 ? ['More than a tenth of the calls failed: first find out why.'] : []),
      'These are the latencies of a server without load. Measure it at its peak with kyoa load, and let adaptive limits follow.',
    ];
  }
}

/** The 99th percentile when a request that has waited for `delay` is sent a second time: each pair of samples once. */
function hedged99(latencies: readonly number[], delay: number): number {
  const pairs = latencies.flatMap((first) =>
    first <= delay ? latencies.map(() => first) : latencies.map((second) => Math.min(first, delay + second)),
  );
  return quantile(sorted(pairs), 0.99);
}

/** `RateLimit-Policy: "default";q=100;w=60`, or the older X-RateLimit fields with a reset in seconds. */
export function announcedLimit(headers: Headers): { count: number; window: number } | undefined {
  const policy = headers.get('ratelimit-policy') ?? '';
  const [quota, window] = [
    /;\s*q=(\d+)/.exec(policy)?.[1] ?? /^\s*(\d+)\s*;/.exec(policy)?.[1],
    /;\s*w=(\d+)/.exec(policy)?.[1],
  ];
  if (quota === undefined || window === undefined || quota === '0' || window === '0') return undefined;
  return { count: Number(quota), window: 1_000 * Number(window) };
}

function sorted(numbers: readonly number[]): number[] {
  return numbers.toSorted((a, b) => a - b);
}

function quantile(ascending: readonly number[], q: number): number {
  return ascending[Math.min(ascending.length - 1, Math.floor(q * ascending.length))] ?? 0;
}

/** To two digits, upwards. */
function rounded(value: number): number {
  const unit = 10 ** Math.max(0, Math.floor(Math.log10(value)) - 1);
  return Math.ceil(value / unit) * unit;
}
