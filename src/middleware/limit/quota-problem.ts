/**
 * The response of a handler to a request that its limit refuses: RFC 6585, with the fields and the problem type of
 * draft-ietf-httpapi-ratelimit-headers-10.
 */
import { problem } from '../../lib/problem-response.ts';

/** A limit as the fields name it. */
export interface Quota {
  readonly name: string;
  /** Requests, or units, that it allows. */
  readonly count: number;
  /** ms; absent for a limit of the calls that run at the same time. */
  readonly window?: number | undefined;
  /** ms until it allows the request; 0 if it is not what refuses it. */
  readonly delay: number;
}

const type = 'https://iana.org/assignments/http-problem-types#quota-exceeded';

/** 429: `quotas` are all limits of the policy. One without a delay refuses the request if no other one does. */
export function quotaProblem(quotas: readonly Quota[]): Response {
  const delayed = quotas.filter(({ delay }) => delay > 0);
  const violated = delayed.length > 0 ? delayed : quotas.slice(-1);
  const seconds = Math.max(1, ...violated.map(({ delay }) => inSeconds(delay)));
  const detail = `Send the request again in ${seconds} s or later.`;
  const facts = { type, title: 'Too many requests', detail, 'violated-policies': violated.map(({ name }) => name) };
  return problem(429, facts, {
    'retry-after': String(seconds),
    ...(quotas.length > 0 && { 'ratelimit-policy': quotas.map(policyItem).join(', ') }),
    ...(quotas.length > 0 && { ratelimit: violated.map(quotaItem).join(', ') }),
  });
}

function quotaItem({ name, delay }: Quota): string {
  return `"${name}";r=0${delay > 0 ? `;t=${inSeconds(delay)}` : ''}`;
}

/** The window is a whole number of seconds, or left out. */
function policyItem({ name, count, window }: Quota): string {
  if (window === undefined) return `"${name}";q=${count};qu="concurrent-requests"`;
  return `"${name}";q=${count}${Number.isInteger(window / 1_000) ? `;w=${window / 1_000}` : ''}`;
}

function inSeconds(ms: number): number {
  return Math.ceil(Math.min(ms, Number.MAX_SAFE_INTEGER) / 1_000);
}
