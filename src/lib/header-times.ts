/** Times in header fields: the pause before the next request that a response asks for, and dates. */

/**
 * The pause in ms, 0 or more; `undefined` if the response has no such field, or none that is valid. `Retry-After` takes
 * precedence over the rate-limit fields (RFC 9110 §10.2.3; draft-ietf-httpapi-ratelimit-headers §5.2). A date is measured
 * against the clock of the server, as the response shows it, and only without a `Date` against `now` (Unix ms): the
 * client's clock may be wrong.
 */
export function retryAfter(response: Response, now: number = Date.now()): number | undefined {
  const { headers, status } = response;
  const until: Until = (time) => Math.max(0, time - serverTime(headers, now));
  const value = headers.get('retry-after') ?? '';
  return (
    number(headers.get('retry-after-ms')) ??
    number(headers.get('x-ms-retry-after-ms')) ??
    seconds(value) ??
    applied(until, httpDate(value, now)) ??
    // These fields describe a quota. They ask for a pause only where the status reports that the quota is used up.
    (status === 429 || status === 503 ? (quotaReset(headers, now) ?? usedUpReset(headers)) : undefined)
  );
}

/** Turns a time (Unix ms) into a pause. */
type Until = (time: number) => number;

/** A response from a cache was made `Age` seconds ago (RFC 9111 §4.2.3). */
function serverTime(headers: Headers, now: number): number {
  const date = httpDate(headers.get('date') ?? '', now);
  return date === undefined ? now : date + (seconds(headers.get('age')) ?? 0);
}

const resetFields: readonly string[] = [
  'ratelimit-reset', // the first drafts of the IETF, GitLab
  'x-ratelimit-reset-after', // Discord
  'x-ratelimit-retry-after', // Symfony
  'x-ratelimit-reset', // GitHub, Reddit, OpenRouter, Jira
  'x-rate-limit-reset', // X, Okta
];

/** ms until the reset that the first of these fields names; `undefined` if there is none, or none that is valid. */
export function quotaReset(headers: Headers, now: number, fields: readonly string[] = resetFields): number | undefined {
  const until: Until = (time) => Math.max(0, time - serverTime(headers, now));
  for (const name of fields) {
    const pause = resetPause(headers.get(name) ?? '', until, now);
    if (pause !== undefined) return pause;
  }
  return undefined;
}

function usedUpReset(headers: Headers): number | undefined {
  const pauses = usedUpQuotas(headers.get('ratelimit') ?? '');
  return pauses.length === 0 ? undefined : Math.max(...pauses);
}

/** `"burst";r=0;t=2, "day";r=900;t=40000`: how long each quota stays used up. */
function usedUpQuotas(field: string): number[] {
  return field
    .split(',')
    .filter((quota) => /;\s*r=0\s*(;|$)/.test(quota))
    .flatMap((quota) => seconds(/;\s*t=(\d+)/.exec(quota)?.[1]) ?? []);
}

/** A number in a reset field is a Unix time, in seconds or in ms, if as a pause it would take decades. */
const [unixSeconds, unixMs] = [1e9, 1e12];

function resetPause(value: string, until: Until, now: number): number | undefined {
  const count = number(value);
  if (count === undefined) return applied(until, httpDate(value, now));
  if (count < unixSeconds) return count * 1_000;
  return until(count < unixMs ? count * 1_000 : count);
}

function number(value: string | null | undefined): number | undefined {
  return value != null && /^\d+(\.\d+)?$/.test(value) ? Number(value) : undefined;
}

function seconds(value: string | null | undefined): number | undefined {
  return applied((count) => count * 1_000, number(value));
}

function applied(change: (value: number) => number, value: number | undefined): number | undefined {
  return value === undefined ? undefined : change(value);
}

/** The obsolete forms, which a recipient must accept: that of RFC 850, and that of C's asctime. */
const rfc850 = /^(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, (\d\d)-(\w{3})-(\d\d) /;
const asctime = /^(\w{3}) (\w{3}) ([ \d]\d) ([\d:]{8}) (\d{4})$/;

/**
 * A date in a header field (RFC 9110 §5.6.7), Unix ms; `undefined` for any other text: `Date.parse` accepts other texts as
 * well, and reads some of them wrongly. `now`, Unix ms, decides on the century of a year of two digits.
 */
export function httpDate(text: string, now: number): number | undefined {
  const date = text
    .replace(rfc850, (_, day: string, month: string, year: string) => `Sun, ${day} ${month} ${fullYear(year, now)} `)
    .replace(asctime, '$1, $3 $2 $5 $4 GMT')
    .replace(',  ', ', 0')
    .replace(':60 GMT', ':59 GMT'); // a leap second, which a date may name
  const time = Date.parse(date);
  // A date that is valid is written in the same way again. The name of the day is not compared.
  return date.slice(3) === new Date(time).toUTCString().slice(3) ? time : undefined;
}

/** A year of two digits that appears to be more than 50 years in the future is one of the past (RFC 9110 §5.6.7). */
function fullYear(year: string, now: number): number {
  const thisYear = new Date(now).getUTCFullYear();
  const inThisCentury = thisYear - (thisYear % 100) + Number(year);
  return inThisCentury > thisYear + 50 ? inThisCentury - 100 : inThisCentury;
}
