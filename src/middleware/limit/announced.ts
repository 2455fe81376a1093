/** A rate that is learned from the fields of the responses, before the server refuses a request. */
import type { Pauses, Start, Starts } from '../../core/shared-limits.ts';
import { madeBy } from '../../core/options.ts';
import { retryAfter } from '../../lib/header-times.ts';
import { readQuotas, type ReadQuota } from './quota-fields.ts';
import type { Announced } from './rates.ts';

/**
 * The rate that the server announces, for `limit({ rate })`. It spreads the requests that remain over the time to the
 * reset, and starts no fewer than one a reset: up to 5 % of them may start at once. It reads `RateLimit` with
 * `RateLimit-Policy`, `RateLimit-Remaining` and `X-RateLimit-Remaining` with their resets. `Retry-After` holds all calls
 * back, and with `across` those of all processes. Until the first response nothing is known, and nothing waits.
 *
 * It ignores malformed fields, those of a response from a cache (`Age`), and quotas of something else than requests.
 *
 * @example
 * ```ts
 * const fetch = createFetch({ use: [limit({ rate: announced() })] });
 * const response = await fetch('https://api.github.com/users/octocat');
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/limit.md#the-rate-that-the-server-announces
 * @see https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/
 */
export function announced(): Announced {
  return madeBy('announced', {}, { create: announcedStarts });
}

/** The share of what remains that may start at once. */
const burst = 0.05;

/** A start, with its place among all starts. */
interface Numbered extends Start {
  readonly number: number;
}

/** What remains of one quota. Times are ms on the clock of `performance.now()`. */
interface Quota {
  remaining: number;
  reset: number;
  /** When the next start is due, if the starts are spread evenly. */
  due: number;
  /** What remains after the reset, and until the next one. */
  readonly count: number;
  readonly window: number;
}

function announcedStarts(pauses: Pauses | undefined): Starts {
  let quotas: Quota[] = [];
  let paused = 0;
  let started = 0;

  /** ms between two starts of this process: others use the same quota. */
  const interval = ({ remaining, reset }: Quota, now: number): number =>
    ((reset - now) * (pauses?.members ?? 1)) / Math.max(1, remaining);
  const delayOf = (quota: Quota, ahead: number, now: number): number => {
    const { remaining, reset, due } = quota;
    const lead = Math.floor((remaining * burst) / (pauses?.members ?? 1));
    const delay = Math.max(0, due - now) + (ahead - lead) * interval(quota, now);
    return Math.min(reset - now, remaining > ahead ? Math.max(0, delay) : Infinity);
  };
  const renewed = (quota: Quota, now: number): Quota => {
    if (quota.reset > now) return quota;
    // The server has not said yet what remains. It announces it with the next response.
    return { ...quota, remaining: quota.count, reset: now + quota.window, due: now };
  };

  return {
    delay(_cost, ahead) {
      const now = performance.now();
      quotas = quotas.map((quota) => renewed(quota, now));
      const pause = Math.max(paused - now, pauses?.left ?? 0);
      return quotas.reduce((longest, quota) => Math.max(longest, delayOf(quota, ahead, now)), Math.max(0, pause));
    },
    add(cost) {
      const now = performance.now();
      for (const quota of quotas) {
        quota.due = Math.max(quota.due, now) + interval(quota, now);
        quota.remaining -= 1;
      }
      started += 1;
      return { cost, number: started } as Numbered;
    },
    correct() {},
    observe(response, start) {
      const now = performance.now();
      const isRefused = response.status === 429 || response.status === 503;
      const pause = isRefused && response.headers.has('retry-after') ? retryAfter(response) : undefined;
      if (pause !== undefined) {
        // It takes precedence over the other fields of the response.
        paused = Math.max(paused, now + pause);
        pauses?.add(pause);
        return;
      }
      const read = readQuotas(response.headers);
      if (read.length === 0) return;
      // The server may not have counted the calls that started later.
      const later = started - (start as Numbered).number;
      quotas = read.map((quota, index) => merged(quota, quotas[index], later, now));
    },
    get recent() {
      const now = performance.now();
      return paused > now || quotas.some(({ reset }) => reset > now) ? 1 : 0;
    },
  };
}

function merged(read: ReadQuota, former: Quota | undefined, later: number, now: number): Quota {
  const remaining = Math.max(0, read.remaining - later);
  const reset = now + read.reset;
  return {
    remaining,
    reset,
    due: Math.min(former?.due ?? now, reset),
    count: read.count ?? Math.max(read.remaining, former?.count ?? 1, 1),
    window: read.window ?? Math.max(read.reset, former?.window ?? 0),
  };
}
