import {
  adaptive,
  aimd,
  budget,
  byOrigin,
  byRoute,
  constant,
  createFetch,
  decorrelated,
  endpoints,
  exponential,
  fallback,
  hedge,
  limit,
  memory,
  meanPlusDeviation,
  metrics,
  observe,
  quantile,
  race,
  retry,
  rto,
  standard,
  staleIfError,
  timeout,
  trace,
  type Middleware,
} from 'kyoa';
import { policy, PolicyError, schemas, toPolicy, type OptionSchema, type PolicyDocument } from 'kyoa/policy';
import { describe, expect, test } from 'vitest';

import { catalogue } from '../../src/policy/catalogue.ts';
import { origin } from '../support/origin.ts';

const forms: Readonly<Record<string, readonly unknown[]>> = {
  key: ['byOrigin', 'byRoute', 'byRequest', { fixed: 'search' }],
  backoff: [{ exponential: [1, 2] }, { constant: [3] }, { decorrelated: [1, 'Infinity'] }],
  cooldown: [500, { exponential: [1, 2] }],
  budget: [false, { ratio: 0.5, floor: 1, window: 9 }],
  total: [5, 'Infinity', { adaptive: {} }],
  headers: [5, { adaptive: { max: 900, estimate: { quantile: [0.9, { factor: 2 }] }, key: 'byOrigin' } }],
  idle: [5, false, { adaptive: { estimate: { rto: [] } } }, { adaptive: { estimate: { meanPlusDeviation: [2] } } }],
  concurrency: [5, { aimd: { max: 9 } }],
  rate: [{ count: 1, window: 5 }],
  slow: [false, { over: 5, ratio: 1 }],
  eject: [false, { failures: 1, for: 5, share: 1 }],
  status: [503],
  header: ['X-Key'],
  initial: [{}],
};

const [unnamed]: readonly Middleware[] = [(_, next) => next()];

/** Values that an option may have, by its schema. */
function valuesOf(name: string, { kind, choices, default: preset }: OptionSchema): readonly unknown[] {
  if (name === 'rate' && kind === 'number') return [0, 0.5];
  if (forms[name]) return forms[name];
  if (kind === 'function' || kind === 'other') return [];
  if (kind === 'choice') return choices!;
  if (kind === 'list') return [Array.isArray(preset) && preset.length > 0 ? preset.slice(0, 1) : ['a']];
  if (kind === 'boolean') return [true, false];
  if (kind === 'text') return ['a'];
  if (kind === 'ratio') return [0.25, 1];
  return ['Infinity', 7];
}

/** What a policy must have beside the option. */
const base: Readonly<Record<string, object>> = {
  limit: { concurrency: 3 },
  latest: { key: 'byRoute' },
  maxBody: { bytes: 9 },
  shed: { max: 'Infinity' },
  chaos: { status: 500 },
  fallback: { respond: { items: [] } },
  race: { urls: ['https://a.example/'] },
  endpoints: { list: [{ url: 'https://a.example/', weight: 2, zone: 'a' }] },
};

const entries = Object.keys(catalogue).flatMap((name) => {
  const options = Object.entries(schemas[name as keyof typeof schemas].options);
  const values = options.flatMap(([option, schema]) => valuesOf(option, schema).map((value) => ({ [option]: value })));
  return [{}, ...values].map((value): [string, string, object] => [
    name,
    JSON.stringify(value),
    { ...base[name], ...value },
  ]);
});

describe('toPolicy()', () => {
  test.for(entries)('writes %s with %s as the document that it was made of', ([name, , options]) => {
    const document: PolicyDocument = { use: [{ [name]: options }] };
    const written = toPolicy(policy(document).current);
    expect(written).toEqual(document);
    expect(toPolicy(policy(JSON.parse(JSON.stringify(written)) as PolicyDocument).current)).toEqual(document);
  });

  test('has every policy and every option that a document may have', () => {
    expect(new Set(entries.map(([name]) => name))).toEqual(new Set(Object.keys(catalogue)));
    expect(entries.length).toBeGreaterThan(90);
  });

  test('writes a stack of the program with the calls that made its options', () => {
    const stack = [
      timeout(5_000),
      timeout({
        headers: adaptive({ estimate: quantile(0.9) }),
        idle: adaptive({ estimate: rto() }),
        total: adaptive({ estimate: meanPlusDeviation(3) }),
      }),
      retry({ retries: Infinity, backoff: exponential(1, 2), budget: budget({ ratio: 0.1 }) }),
      retry({ backoff: decorrelated(1, 2), budget: false }),
      retry({ backoff: constant(4), maxRetryAfter: undefined }),
      hedge({ key: byRoute }),
      limit({ concurrency: aimd({ max: 5 }), key: byOrigin }),
      race([new URL('https://a.example/')]),
      endpoints([{ url: 'https://a.example', weight: 3 }, { url: 'https://b.example' }]),
      metrics(),
      trace(),
    ];
    const written = toPolicy(stack);
    expect(written).toEqual({
      use: [
        { timeout: 5_000 },
        {
          timeout: {
            headers: { adaptive: { estimate: { quantile: [0.9, { factor: 1.5 }] } } },
            idle: { adaptive: { estimate: { rto: [] } } },
            total: { adaptive: { estimate: { meanPlusDeviation: [3] } } },
          },
        },
        { retry: { retries: 'Infinity', backoff: { exponential: [1, 2] }, budget: { ratio: 0.1 } } },
        { retry: { backoff: { decorrelated: [1, 2] }, budget: false } },
        { retry: { backoff: { constant: [4] } } },
        { hedge: { key: 'byRoute' } },
        { limit: { concurrency: { aimd: { max: 5 } }, key: 'byOrigin' } },
        { race: { urls: ['https://a.example/'] } },
        {
          endpoints: {
            list: [
              { url: 'https://a.example', weight: 3 },
              { url: 'https://b.example', weight: 1 },
            ],
          },
        },
        { metrics: {} },
        { trace: {} },
      ],
    });
    expect(policy(written).current.map(({ name }) => name)).toEqual(stack.map(({ name }) => name));
  });

  test('writes the standard stack as policies that behave as it', () => {
    const written = toPolicy(standard({ retry: { retries: 2 } }));
    expect(toPolicy(policy(written).current)).toEqual(written);
    expect(toPolicy(policy({ use: [{ standard: { retry: 2 } }] }).current)).toEqual(written);
  });

  test('writes the list of endpoints that is in force', () => {
    const live = policy({ use: [{ endpoints: { list: [{ url: 'https://a.example' }] } }] });
    const document: PolicyDocument = { use: [{ endpoints: { list: [{ url: 'https://b.example', weight: 2 }] } }] };
    live.update(document);
    expect(toPolicy(live.current)).toEqual(document);
  });

  test('writes a middleware of the program by its name', async () => {
    await using server = await origin(({ response }) => response.end());
    let calls = 0;
    const tenant: Middleware = (_, next) => ((calls += 1), next());
    const written = toPolicy([tenant, retry()]);
    expect(written).toEqual({ use: ['tenant', { retry: {} }] });
    await createFetch({ use: policy(written, { middleware: { tenant } }) })(server.url);
    expect(calls).toBe(1);
  });

  test('keeps the body of a fallback', async () => {
    const written = toPolicy(policy({ use: [{ fallback: { respond: { items: [] } } }] }).current);
    const refused = createFetch({ use: policy(written).current, fetch: async () => new Response('', { status: 500 }) });
    expect(await (await refused('https://a.example/')).json()).toEqual({ items: [] });
  });

  test.for<[string, Middleware, string]>([
    [
      'a when of the program',
      retry({ when: () => true }),
      'use[0].retry.when is a function of the program, which no document can hold',
    ],
    ['a key of the program', hedge({ key: () => 'a' }), 'use[0].hedge.key is a function of the program'],
    ['a storage', staleIfError({ storage: memory() }), 'use[0].staleIfError.storage.'],
    ['a substitute of the program', fallback(() => []), 'use[0].fallback.respond is a function of the program'],
    ['a listener', observe(() => {}), 'use[0].observe takes a function, which no document can hold'],
    ['a middleware without a name', unnamed!, 'use[0] is a middleware without a name: name its function'],
  ])('refuses %s', ([, middleware, expected]) => {
    expect(() => toPolicy([middleware])).toThrow(PolicyError);
    expect(() => toPolicy([middleware])).toThrow(`The document of the stack is refused. ${expected}`);
  });
});
