/** The pause before the next request that a response asks for, in the header fields that servers use for it. */

/** A `*-reset` above this is a Unix time in seconds (2001 and later) and not a number of seconds (31 years). */
const unixSeconds = 1_000_000_000;

/**
 * The pause in ms from `now` (Unix ms), 0 or more; `undefined` if the response has no such field, or none that is valid.
 * `Retry-After` takes precedence over the rate-limit fields (RFC 9110 §10.2.3; draft-ietf-httpapi-ratelimit-headers
 * §5.2).
 */
export function retryAfter(response: Response, now: number = Date.now()): number | undefined {
  const { headers } = response;
  return (
    number(headers.get('retry-after-ms')) ??
    seconds(headers.get('retry-after')) ??
    httpDate(headers.get('retry-after'), now) ??
    // These fields describe a quota. They ask for a pause only where the status reports that the quota is used up.
    (response.status === 429 || response.status === 503 ? quotaReset(headers, now) : undefined)
  );
}

function quotaReset(headers: Headers, now: number): number | undefined {
  for (const name of ['ratelimit-reset', 'x-ratelimit-reset', 'x-rate-limit-reset']) {
    const ms = seconds(headers.get(name));
    if (ms !== undefined) return ms >= unixSeconds * 1_000 ? Math.max(0, ms - now) : ms;
  }
  return longestUsedUp(headers.get('ratelimit') ?? '');
}

/** `"burst";r=0;t=2, "day";r=900;t=40000`: the longest reset of the quotas that have nothing remaining. */
function longestUsedUp(list: string): number | undefined {
  const resets = list
    .split(',')
    .filter((quota) => /;\s*r=0\s*(;|$)/.test(quota))
    .flatMap((quota) => seconds(/;\s*t=(\d+)/.exec(quota)?.[1] ?? null) ?? []);
  return resets.length === 0 ? undefined : Math.max(...resets);
}

function number(value: string | null): number | undefined {
  return value !== null && /^\d+(\.\d+)?$/.test(value.trim()) ? Number(value) : undefined;
}

function seconds(value: string | null): number | undefined {
  const count = number(value);
  return count === undefined ? undefined : count * 1_000;
}

/** All three forms of RFC 9110 §5.6.7 begin with a day and have a time. `Date.parse` alone would accept other texts too. */
const dateLike = /^(Mon|Tue(s)?|Wed(nes)?|Thu(rs)?|Fri|Sat(ur)?|Sun)(day)?,?\s.*\d\d:\d\d:\d\d/;

function httpDate(value: string | null, now: number): number | undefined {
  if (value === null || !dateLike.test(value.trim())) return undefined;
  // The oldest form names no zone. All forms are in GMT.
  const time = Date.parse(/GMT\s*$/.test(value) ? value : `${value} GMT`);
  return Number.isNaN(time) ? undefined : Math.max(0, time - now);
}
