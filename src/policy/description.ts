/** A stack in plain words. */
import type { Json, Policy, Route } from './parsed-document.ts';
import { isJsonObject } from './options-as-json.ts';
import { memberPath } from './policy-error.ts';
import { numberOf } from './mistakes.ts';

export interface Sentence {
  readonly path: string;
  readonly sentence: string;
}

export function descriptionOf(stack: readonly Policy[], routes: ReadonlyMap<string, Route>): Sentence[] {
  return [
    ...stack.map((policy) => ({ path: policy.path, sentence: sentenceOf(policy) })),
    ...[...routes].map(([pattern, { options }]) => ({
      path: memberPath('routes', pattern),
      sentence: `For ${pattern}: ${changesOf(options)}.`,
    })),
  ];
}

const sentences: Readonly<Record<string, (policy: Policy) => string>> = {
  timeout: ({ options: { total, headers, idle } }) =>
    listed([
      total !== undefined && `ends the call, body included, ${limitOf(total)}`,
      headers !== undefined && `waits for response headers, then ends the attempt ${limitOf(headers)}`,
      idle !== undefined && `ends it when the body has been silent: ${limitOf(idle)}`,
    ]),
  retry: (policy) => {
    const retries = numberOf(policy, 'retries');
    const budget =
      policy.options['budget'] === false
        ? 'without a budget'
        : `within a budget of ${percent(budgetOf(policy))} extra requests`;
    return retries === 0
      ? 'sends nothing again'
      : `sends a failed request again, up to ${times(retries)}, ${pausesOf(policy.options['backoff'])}, ${budget}`;
  },
  resume: (policy) =>
    numberOf(policy, 'continuations') === 0
      ? 'continues no body'
      : `continues a body that breaks off, with up to ${numberOf(policy, 'continuations')} further requests that bring no new byte`,
  hedge: (policy) =>
    `sends a copy of a slow request: about ${percent(numberOf(policy, 'ratio'))} more requests, at most ${numberOf(policy, 'hedges')} for a call`,
  dedupe: () => 'lets concurrent callers of the same resource share one request',
  idempotency: ({ options: { generate } }) =>
    generate === false
      ? 'sends the key that the caller gives with every attempt, and executes once per key'
      : 'gives every POST and PATCH a key, and executes once per key',
  breaker: (policy) =>
    `stops sending to an origin after ${percent(numberOf(policy, 'ratio'))} failures of at least ${numberOf(policy, 'volume')} calls in ${ms(numberOf(policy, 'window'))}, and tries again after ${pauseOf(policy.options['cooldown'] ?? 2_000)}`,
  limit: ({ options: { concurrency, rate } }) =>
    listed([
      concurrency !== undefined &&
        `runs ${isJsonObject(concurrency) ? 'a learned number of' : `at most ${JSON.stringify(concurrency)}`} calls at a time for an origin`,
      ...[rate]
        .flat()
        .map(
          (rate) =>
            isJsonObject(rate) && `starts at most ${String(rate['count'])} calls in ${ms(Number(rate['window']))}`,
        ),
    ]),
  shed: () =>
    'refuses, in a handler, what the server cannot serve in time: by a learned concurrency and the event loop',
  deadline: ({ options: { header = 'Connect-Timeout-Ms', max } }) =>
    `sends the time that is left in ${String(header)}; a handler answers ${max === undefined ? 'by its deadline' : `within ${ms(Number(max))}`}`,
  latest: () => 'lets a newer call replace an older one with the same key',
  maxBody: (policy) => `refuses a response body above ${numberOf(policy, 'bytes')} bytes`,
  chaos: ({ options: { enabled, rate = 0.001 } }) =>
    enabled === true
      ? `injects faults into ${percent(Number(rate))} of the attempts`
      : 'injects no faults: it is not enabled',
  staleIfError: (policy) =>
    `returns the last good response of a GET when the call fails, for ${ms(numberOf(policy, 'ttl'))}`,
  fallback: ({ options: { respond } }) => `returns ${JSON.stringify(respond)} when the call fails`,
  race: ({ options: { urls } }) => `sends the request to ${named(urls)} at once, and returns the first good response`,
  endpoints: ({ options: { list, pick } }) =>
    `sends each attempt to one of ${named(list)}${pick === 'fastest' ? ', the faster of two' : ', by weight'}`,
  log: () => 'writes a line for each call',
  metrics: () => 'counts calls and their durations',
  trace: () => 'sends a traceparent with each attempt',
};

function sentenceOf(policy: Policy): string {
  return `${policy.name} ${sentences[policy.name]?.(policy) ?? 'is a middleware of the program'}.`;
}

function changesOf(options: Json): string {
  return Object.entries(options)
    .map(([name, given]) => (given === false ? `no ${name}` : `${name} ${JSON.stringify(given)}`))
    .join(', ');
}

function listed(parts: readonly (string | false)[]): string {
  return parts.filter((part) => part !== false).join('; ') || 'has no effect';
}

function limitOf(limit: unknown): string {
  if (limit === false || limit === 'Infinity') return 'never';
  if (!isJsonObject(limit)) return `after ${ms(Number(limit))}`;
  const { min = 500, max = 5_000 } = limit['adaptive'] as { min?: number; max?: number };
  return `after a limit learned from the route, between ${ms(min)} and ${ms(max)}`;
}

function pausesOf(backoff: unknown = { exponential: [200, 10_000] }): string {
  return `with pauses of ${pauseOf(backoff)}`;
}

function pauseOf(backoff: unknown): string {
  if (!isJsonObject(backoff)) return ms(Number(backoff));
  const [first = 0, last] = (Object.values(backoff)[0] as readonly unknown[]).map(Number);
  return last === undefined ? ms(first) : `up to ${ms(first)}, growing to ${ms(last)}`;
}

function budgetOf({ options: { budget } }: Policy): number {
  return (isJsonObject(budget) ? (budget['ratio'] as number | undefined) : undefined) ?? 0.2;
}

function named(list: unknown): string {
  return (list as readonly unknown[])
    .map((member) => {
      const { url, weight } = Object(member) as { url?: unknown; weight?: number };
      const address = typeof member === 'string' ? member : typeof url === 'string' ? url : 'a secret address';
      return weight === undefined ? address : `${address} (weight ${weight})`;
    })
    .join(', ');
}

function times(count: number): string {
  return count === Infinity ? 'as often as the limits permit' : count === 1 ? 'once' : `${count} times`;
}

function percent(ratio: number): string {
  return `${Number((100 * ratio).toFixed(2))} %`;
}

function ms(duration: number): string {
  if (duration === Infinity) return 'an unlimited time';
  if (duration >= 3_600_000) return `${Number((duration / 3_600_000).toFixed(1))} h`;
  return duration >= 1_000 ? `${Number((duration / 1_000).toFixed(2))} s` : `${duration} ms`;
}
