import { Ajv2020 } from 'ajv/dist/2020.js';
import { checkPolicy } from 'kyoa/policy';
import { describe, expect, test } from 'vitest';

import { jsonSchema } from '../../src/policy/json-schema.ts';
import { catalogue } from '../../src/policy/catalogue.ts';

const schema = jsonSchema();
const validate = new Ajv2020({ strict: false, allErrors: true }).compile(schema);

const list = [{ url: 'https://a.example/' }];
const use = (...entries: readonly unknown[]): unknown => ({ use: entries });
const route = (options: unknown, pattern = '*'): unknown => ({
  use: ['standard', 'hedge', 'log'],
  routes: { [pattern]: options },
});

const good: readonly unknown[] = [
  {},
  { $schema: './policy.schema.json', version: 7 },
  { version: 'a' },
  { use: [] },
  use('standard', 'hedge', 'log', 'metrics', 'trace'),
  use({ standard: {} }),
  use({ standard: { timeout: { total: 9 }, dedupe: false, idempotency: { generate: true }, retry: 2, breaker: {} } }),
  use({ standard: { timeout: 5 } }),
  use({ standard: { timeout: false } }),
  ...Object.keys(catalogue).map((name) => use({ [name]: false })),
  use({ retry: 0 }),
  use({ retry: 'Infinity' }),
  use({ retry: true }),
  use({ retry: null }),
  use({
    retry: { backoff: { exponential: [1, 2] }, statuses: [500], methods: ['GET'], maxRetryAfter: 0, budget: false },
  }),
  use({ retry: { backoff: { constant: [5] }, budget: { ratio: 0.1, floor: 0, window: 5 } } }),
  use({ retry: { backoff: { decorrelated: [1, 'Infinity'] } } }),
  use({ timeout: 'Infinity' }),
  use({ timeout: { total: 5, headers: { adaptive: {} }, idle: false } }),
  use({ timeout: { headers: { adaptive: { min: 1, max: 9, estimate: { quantile: [0.9] }, key: 'byOrigin' } } } }),
  use({ timeout: { headers: { adaptive: { estimate: { quantile: [0.9, { factor: 2 }] } } } } }),
  use({ timeout: { headers: { adaptive: { estimate: { rto: [] } } } } }),
  use({ timeout: { headers: { adaptive: { estimate: { meanPlusDeviation: [2] } } } } }),
  use({ hedge: 0.05 }),
  use({ hedge: { ratio: 0.1, hedges: 2, delay: 0, methods: ['GET'], budget: { ratio: 1 }, key: { fixed: 'a' } } }),
  use({ breaker: { ratio: 0.5, volume: 1, cooldown: 5, window: 9, probes: 1, slow: false } }),
  use({ breaker: { cooldown: { exponential: [1, 2] }, slow: { over: 5 } } }),
  use({ limit: { concurrency: 1, rate: { count: 1, window: 5 }, queue: 'Infinity' } }),
  use({ limit: { concurrency: { aimd: { max: 20 } } } }),
  use({ latest: { key: 'byRoute' } }),
  use({ maxBody: 5 }),
  use({ maxBody: { bytes: 5 } }),
  use({ chaos: { status: 503, rate: 0.5 } }),
  use({ chaos: { error: 'reset', cut: 0.5, latency: 5, enabled: false } }),
  use({ staleIfError: { ttl: 5, key: 'byRequest' } }),
  use({ fallback: { respond: null } }),
  use({ fallback: { respond: { items: [1, 'a', true] } } }),
  use({ race: { urls: ['https://a.example/'], methods: ['GET'] } }),
  use({ endpoints: { list, pick: 'fastest', zones: ['a'], eject: false } }),
  use({
    endpoints: {
      list: [{ url: 'https://a.example/', weight: 0.5, zone: 'a' }],
      eject: { failures: 2, for: 5, share: 1 },
    },
  }),
  use({ log: { service: 'a', level: 'info', redact: ['a'] } }),
  use({ metrics: { key: 'byOrigin' } }),
  use({ trace: {} }),
  { environments: { production: { use: ['retry'], routes: {}, secrets: {} } } },
  { secrets: { a: { env: 'A' } } },
  route({ retry: 1, timeout: 'Infinity', hedge: false, dedupe: false, log: false }),
  route({ retry: { retries: 2, backoff: { constant: [5] } }, breaker: { volume: 5 } }, 'GET https://a.example/*'),
  route({ timeout: { total: { adaptive: { max: 900 } } } }),
];

const bad: readonly unknown[] = [
  [],
  null,
  'standard',
  5,
  { uses: [] },
  { version: {} },
  { version: null },
  { use: {} },
  { use: null },
  use(null),
  use([]),
  use({}),
  use({ retry: 1, hedge: 1 }),
  use({ retry: -1 }),
  use({ retry: 1.5 }),
  use({ retry: '2' }),
  use({ retry: [] }),
  use({ retry: { retries: '2' } }),
  use({ retry: { retrys: 2 } }),
  use({ retry: { backoff: 5 } }),
  use({ retry: { backoff: { exponential: [1] } } }),
  use({ retry: { backoff: { exponential: [1, 2, 3] } } }),
  use({ retry: { backoff: { exponential: [-1, 2] } } }),
  use({ retry: { backoff: { exponential: 5 } } }),
  use({ retry: { backoff: { constant: 5 } } }),
  use({ retry: { backoff: { adaptive: {} } } }),
  use({ retry: { backoff: false } }),
  use({ retry: { statuses: 503 } }),
  use({ retry: { statuses: ['503'] } }),
  use({ retry: { methods: [1] } }),
  use({ retry: { budget: true } }),
  use({ retry: { budget: { ratio: 2 } } }),
  use({ retry: { budget: 5 } }),
  use({ retry: { when: 'always' } }),
  use({ retry: { random: 0.5 } }),
  use({ timeout: -1 }),
  use({ timeout: 0 }),
  use({ timeout: { total: '5s' } }),
  use({ timeout: { total: true } }),
  use({ timeout: { total: { adaptive: 5 } } }),
  use({ timeout: { total: { adaptive: { min: 0 } } } }),
  use({ timeout: { total: { exponential: [1, 2] } } }),
  use({ timeout: { headers: { adaptive: { estimate: { quantile: [2] } } } } }),
  use({ timeout: { headers: { adaptive: { estimate: 'rto' } } } }),
  use({ timeout: { headers: { adaptive: { key: 'byMethod' } } } }),
  use({ hedge: 2 }),
  use({ hedge: { ratio: -0.1 } }),
  use({ hedge: { hedges: 0.5 } }),
  use({ hedge: { delay: -1 } }),
  use({ hedge: { key: 'constructor' } }),
  use({ hedge: { key: 5 } }),
  use({ dedupe: 5 }),
  use({ dedupe: { key: { fixed: 5 } } }),
  use({ breaker: 5 }),
  use({ breaker: { volume: 0 } }),
  use({ breaker: { cooldown: 0 } }),
  use({ breaker: { cooldown: false } }),
  use({ breaker: { slow: true } }),
  use({ breaker: { slow: {} } }),
  use({ breaker: { probes: 0 } }),
  use({ breaker: { initial: [] } }),
  use({ limit: { concurrency: 0 } }),
  use({ limit: { concurrency: 'many' } }),
  use({ limit: { concurrency: { aimd: { backoff: 2 } } } }),
  use({ limit: { rate: 5 } }),
  use({ limit: { rate: { count: 1 } } }),
  use({ limit: { queue: -1 } }),
  use('limit'),
  use({ limit: {} }),
  use({ limit: { rate: false } }),
  use('chaos'),
  use('latest'),
  use({ latest: {} }),
  use('maxBody'),
  use({ maxBody: 0 }),
  use({ maxBody: {} }),
  use({ chaos: { error: 'boom' } }),
  use({ chaos: { status: 99, rate: 1 } }),
  use({ idempotency: { format: 'json' } }),
  use({ idempotency: { generate: 'no' } }),
  use({ idempotency: { storage: {} } }),
  use({ idempotency: { header: 5 } }),
  use('fallback'),
  use({ fallback: {} }),
  use('race'),
  use({ race: { urls: [] } }),
  use({ race: { urls: 'https://a.example/' } }),
  use('endpoints'),
  use({ endpoints: {} }),
  use({ endpoints: { list: [] } }),
  use({ endpoints: { list: [{}] } }),
  use({ endpoints: { list: [{ url: 'https://a.example/', weight: -1 }] } }),
  use({ endpoints: { list: [{ url: 'https://a.example/', wieght: 1 }] } }),
  use({ endpoints: { list, pick: 'best' } }),
  use({ endpoints: { list, eject: { share: 2 } } }),
  use({ log: { level: 'loud' } }),
  use({ trace: { on: true } }),
  use({ trace: 5 }),
  use({ standard: { hedge: {} } }),
  use({ standard: 5 }),
  use({ standard: { retry: { retries: -1 } } }),
  { routes: [] },
  { routes: { '*': null } },
  { routes: { '*': [] } },
  route({ retry: '2' }),
  route({ retry: { retries: -1 } }),
  route({ breaker: { window: 5 } }),
  route({ log: { level: 'info' } }),
  { secrets: [] },
  { secrets: { a: 'hunter2' } },
  { secrets: { a: {} } },
  { environments: [] },
  { environments: { production: { version: 1 } } },
  { environments: { production: { use: [{ retry: -1 }] } } },
];

const shown = (document: unknown): [string, unknown] => [JSON.stringify(document), document];

describe('the JSON Schema of policy documents', () => {
  test('is a schema of the draft that it names', () => {
    expect(new Ajv2020().validateSchema(schema)).toBe(true);
    expect(schema['$schema']).toBe('https://json-schema.org/draft/2020-12/schema');
  });

  test.for(good.map(shown))('takes %s, as checkPolicy does', ([, document]) => {
    expect([validate(document), validate.errors]).toEqual([true, null]);
    expect(checkPolicy(document as never).problems).toEqual([]);
  });

  test.for(bad.map(shown))('refuses %s, as checkPolicy does', ([, document]) => {
    expect({ schema: validate(document), check: checkPolicy(document as never).problems.length === 0 }).toEqual({
      schema: false,
      check: false,
    });
  });
});
