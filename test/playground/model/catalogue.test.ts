import { schemas } from 'kyoa/policy';
import { describe, expect, test } from 'vitest';

import { catalogue } from '../../../playground/model/catalogue.ts';
import { declared, number } from '../../../playground/model/policies/policy.ts';

/** Options that the editor leaves out: most are functions or lists that a form cannot edit. */
const leftOut: Readonly<Record<string, readonly string[]>> = {
  adaptive: ['estimate', 'key'],
  aimd: ['min', 'backoff'],
  auth: ['renew', 'apply', 'refused', 'early', 'lease', 'again', 'key', 'scope', 'ttl', 'storage'],
  breaker: ['key', 'when', 'random', 'initial'],
  budget: ['window'],
  chaos: ['enabled', 'rate', 'latency', 'status', 'error', 'cut', 'allow', 'random'],
  deadline: ['header', 'min', 'max', 'trust'],
  dedupe: ['key'],
  endpoints: ['zones', 'random'],
  fallback: ['when'],
  hedge: ['methods', 'key', 'when'],
  idempotency: ['header', 'required', 'scope', 'when'],
  latest: [],
  limit: ['across', 'key', 'priority'],
  maxBody: ['bytes'],
  log: ['service', 'level', 'write', 'redact'],
  metrics: ['key'],
  observe: [],
  race: ['methods', 'when'],
  rate: ['cost', 'spent'],
  resume: ['backoff', 'budget', 'methods', 'random'],
  shed: ['min', 'max', 'tolerance', 'target', 'interval', 'urgency', 'reserve', 'retryAfter', 'random'],
  sign: [],
  retry: ['methods', 'when', 'random'],
  staleIfError: ['storage', 'when'],
  timeout: ['isProgress'],
  trace: [],
};

/** Names with a dot are options of an option: `budget.ratio` is of `budget`, `headers.min` of `adaptive`. */
const shown = new Map<string, Set<string>>();
for (const { name: policy, options } of catalogue) {
  for (const { name } of options) {
    const [option, inner] = name.split('.');
    add(policy, option!);
    if (inner !== undefined) add(option === 'headers' ? 'adaptive' : option!, inner);
  }
}

function add(policy: string, option: string): void {
  shown.set(policy, (shown.get(policy) ?? new Set()).add(option));
}

describe('the editor of the playground', () => {
  test.for(Object.entries(schemas))('has every option of %s that it does not leave out', ([name, { options }]) => {
    const missing = Object.keys(options).filter((option) => !shown.get(name)?.has(option));
    expect(missing.toSorted()).toEqual(leftOut[name]!.toSorted());
  });

  const objects = Object.values(schemas).flatMap(({ options }) =>
    Object.entries(options).filter(([, each]) => each.options),
  );

  test.for(objects)('has every option within %s', ([name, { options = {} }]) => {
    expect(Object.keys(options).filter((option) => !shown.get(name)?.has(option))).toEqual(leftOut[name] ?? []);
  });

  test('takes the defaults of kyoa', () => {
    const defaults = new Map(
      catalogue.flatMap(({ name, options }) => options.map((each) => [`${name} ${each.name}`, each.default])),
    );
    expect(defaults.get('retry retries')).toBe(schemas.retry.options['retries']!.default);
    expect(defaults.get('breaker slow.ratio')).toBe(schemas.breaker.options['slow']!.options!['ratio']!.default);
    expect(defaults.get('timeout headers.max')).toBe(schemas.adaptive.options['max']!.default);
    expect(defaults.get('endpoints eject')).toBe(true);
  });

  test('refuses an option that kyoa does not have, unless it has a default of its own', () => {
    const share = (name: string, extras?: { readonly default: number }) =>
      declared(schemas.breaker.options, [number(name, 'Share', 'share', [0, 1], 'Of the calls.', extras)]);
    expect(() => share('slow.share')).toThrow('kyoa has no option slow.share');
    expect(share('slow.share', { default: 0.1 })).toMatchObject([{ name: 'slow.share', default: 0.1 }]);
  });
});
