/**
 * The quotas that a response announces: `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-10), and
 * the fields that came before. A field that is malformed is no field, as the draft requires.
 */
import { quotaReset } from '../../lib/header-times.ts';

export interface ReadQuota {
  readonly remaining: number;
  /** ms from now until the reset. */
  readonly reset: number;
  /** What the policy allows in a window; absent if the response does not say. */
  readonly count?: number | undefined;
  /** ms. */
  readonly window?: number | undefined;
}

export function readQuotas(headers: Headers): readonly ReadQuota[] {
  // The fields of a response from a cache are as old as the response.
  if (headers.has('age')) return [];
  const quotas = structuredQuotas(headers);
  return quotas.length > 0 ? quotas : plainQuota(headers);
}

/** `"burst";r=20;t=2, "day";r=900;t=40000`. */
function structuredQuotas(headers: Headers): readonly ReadQuota[] {
  const policies = new Map(items(headers.get('ratelimit-policy'), ['q', 'w']));
  return items(headers.get('ratelimit'), ['r', 't']).flatMap(([name, { r, t }]): readonly ReadQuota[] => {
    const { q, w, qu = '"requests"' } = policies.get(name) ?? {};
    const reset = whole(t ?? w);
    if (r === undefined || reset === undefined || reset === 0 || qu !== '"requests"') return [];
    const window = whole(w);
    return [{ remaining: Number(r), reset: reset * 1_000, count: whole(q), window: window && window * 1_000 }];
  });
}

type Item = readonly [name: string, parameters: Readonly<Record<string, string>>];

const value = String.raw`"[^"\\]*"|:[^:]*:|[\w.*:%&'+^|~!#$/\-]+`;
const parameter = String.raw`;\s*([a-z*][\w.*\-]*)(?:=(${value}))?`;
const item = new RegExp(`^\\s*(${value})((?:${parameter})*)\\s*$`);

/** A structured list (RFC 9651) of names with parameters; these ones are whole numbers. Empty if it is malformed. */
function items(field: string | null, numbers: readonly string[]): readonly Item[] {
  const members = field?.split(/,(?=(?:[^"]*"[^"]*")*[^"]*$)/) ?? [];
  const read = members.map((member): Item | undefined => {
    const [, name, rest] = item.exec(member) ?? [];
    if (name === undefined || rest === undefined) return undefined;
    const found = Array.from(rest.matchAll(new RegExp(parameter, 'g')), ([, key, value = '?1']) => [key!, value]);
    const parameters = Object.fromEntries(found) as Record<string, string>;
    const isRight = numbers.every((key) => parameters[key] === undefined || whole(parameters[key]) !== undefined);
    return isRight ? [name, parameters] : undefined;
  });
  return read.every((item) => item !== undefined) ? read : [];
}

const prefixes = ['ratelimit', 'x-ratelimit', 'x-rate-limit'];

/** `X-RateLimit-Remaining: 20` with `X-RateLimit-Reset`, in seconds or as a time. */
function plainQuota(headers: Headers): readonly ReadQuota[] {
  for (const prefix of prefixes) {
    const remaining = whole(headers.get(`${prefix}-remaining`));
    const reset = quotaReset(headers, Date.now(), [`${prefix}-reset`, `${prefix}-reset-after`]);
    if (remaining === undefined || reset === undefined || reset === 0) continue;
    const count = whole(headers.get(`${prefix}-limit`));
    return [{ remaining, reset, count: count === 0 ? undefined : count }];
  }
  return [];
}

function whole(value: string | null | undefined): number | undefined {
  return value != null && /^\d{1,15}$/.test(value) ? Number(value) : undefined;
}
