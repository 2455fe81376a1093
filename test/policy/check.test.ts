import type { Middleware } from 'kyoa';
import { checkPolicy, type PolicyDocument, type PolicyOptions } from 'kyoa/policy';
import { describe, expect, test } from 'vitest';

function mistakes(document: string | PolicyDocument): readonly string[] {
  const { problems, mistakes } = checkPolicy(document);
  expect(problems).toEqual([]);
  return mistakes.map(({ path, message }) => `${path} ${message}`);
}

const calm = [{ timeout: { total: 30_000 } }, { retry: 1 }, { timeout: { headers: 5_000 } }] as const;

describe('checkPolicy()', () => {
  test('finds no mistake in the standard stack, and none in a document that is empty', () => {
    expect(mistakes({})).toEqual([]);
    expect(mistakes({ use: ['standard'] })).toEqual([]);
    expect(mistakes({ use: [...calm] })).toEqual([]);
  });

  test.for<[string, PolicyDocument['use'] & {}, string]>([
    ['no timeout', ['trace'], 'use has no timeout: a call may wait for ever'],
    [
      'a body without a limit',
      [{ timeout: { headers: 5 } }],
      'use[0].timeout has neither total nor idle: a body that stalls is never aborted',
    ],
    [
      'a limit that is switched off',
      [{ timeout: { total: false as never, idle: 'Infinity' as never } }],
      'use[0].timeout has neither total nor idle',
    ],
    [
      'retries without a limit for an attempt',
      [{ timeout: 9_000 }, { retry: 1 }],
      'use[1].retry has no timeout inside it: an attempt that hangs is not sent again',
    ],
    [
      'retries without an end',
      [{ timeout: { idle: 5 } }, { retry: 'Infinity' as never }, { timeout: { headers: 5 } }],
      'use[1].retry retries without an end: add a timeout with a total before it',
    ],
    [
      'a total that is too short for a second attempt',
      [{ timeout: 5_000 }, { retry: 1 }, { timeout: { headers: 4_000 } }],
      'use[0].timeout ends the call after 5000 ms, and one attempt may take 4000 ms',
    ],
    [
      'a total that is too short for the retries',
      [{ timeout: 9_000 }, { retry: 3 }, { timeout: { headers: 4_000 } }],
      'use[0].timeout leaves time for 2 attempts of 4000 ms, and retry has 4',
    ],
    [
      'a breaker outside retry',
      [calm[0], 'breaker', calm[1], calm[2]],
      'use[2].retry is placed inside breaker, and belongs outside',
    ],
    [
      'a fallback inside retry',
      [...calm.slice(0, 2), { fallback: { respond: 1 } }, calm[2]],
      'use[2].fallback is placed inside retry, and belongs outside',
    ],
    [
      'two retries',
      [...calm.slice(0, 2), { retry: 2 }, calm[2]],
      'use[2].retry is the second retry of the stack, after use[1].retry: their attempts multiply',
    ],
    [
      'a POST that is sent twice',
      [calm[0], { retry: { retries: 1, methods: ['GET', 'post'] } }, calm[2]],
      'use[1].retry.methods sends POST more than once without a key',
    ],
    [
      'no budget',
      [{ timeout: 90_000 }, { retry: { retries: 5, budget: false } }, calm[2]],
      'use[1].retry.budget is off, with 5 retries: a failing server gets 6 times the load',
    ],
    ['a hedge without a budget', [calm[0], { hedge: { budget: false } }], 'use[1].hedge.budget is off'],
    ['a hedge that never sends', [calm[0], { hedge: 0 }], 'use[1].hedge.ratio is 0: no copy is ever sent'],
    [
      'a queue without an end',
      [calm[0], { limit: { concurrency: 1, queue: 'Infinity' as never } }],
      'use[1].limit.queue has no end',
    ],
    [
      'chaos',
      [calm[0], { chaos: { enabled: true, status: 500 } }],
      'use[1].chaos.enabled is true: calls fail on purpose',
    ],
  ])('names %s', ([, use, expected]) => {
    const found = mistakes({ use });
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(expected);
  });

  test('names the line of a mistake and of a problem, if the document is a text', () => {
    expect(checkPolicy('{ "use": [\n{ "timeout": 5000 },\n{ "hedge": 0 } ] }').mistakes).toMatchObject([
      { line: 3, path: 'use[1].hedge.ratio' },
    ]);
    expect(checkPolicy('{ "use": [\n"retyr" ] }').problems).toEqual([
      { path: 'use[0].retyr', line: 2, message: 'is no policy: do you mean retry?' },
    ]);
    expect(checkPolicy('{').problems).toHaveLength(1);
  });

  test('names a problem once, though it is in every environment', () => {
    const environments = { test: {}, production: { use: ['metrics'] } };
    expect(checkPolicy({ use: [{ retry: -1 }], environments }).problems).toHaveLength(1);
  });

  test('names an environment for which the document has no layer', () => {
    const text = '{ "use": [{ "timeout": 5000 }],\n "environments": { "test": {}, "production": {} } }';
    expect(checkPolicy(text, { environment: 'prodution' }).mistakes).toEqual([
      {
        path: 'environments',
        line: 2,
        message: 'has no layer for "prodution", the environment in force; it has test, production',
      },
    ]);
    expect(checkPolicy(text, { environment: 'test' }).mistakes).toEqual([]);
    expect(checkPolicy(text).mistakes).toEqual([]);
    expect(checkPolicy('{ "use": [{ "timeout": 5000 }] }', { environment: 'any' }).mistakes).toEqual([]);
  });

  test('names the line of each policy that it describes in a text', () => {
    const text =
      '{\n  "use": [\n    "hedge",\n    { "retry": 2 }\n  ],\n  "routes": {\n    "/a": { "retry": 1 }\n  }\n}';
    const { description } = checkPolicy(text);
    expect(description.map(({ path, line }) => [path, line])).toEqual([
      ['use[0].hedge', 3],
      ['use[1].retry', 4],
      ['routes["/a"]', 7],
    ]);
    expect(checkPolicy({ use: ['hedge'] }).description[0]).not.toHaveProperty('line');
  });

  test('describes the stack and the routes of the environment', () => {
    const document: PolicyDocument = {
      use: [
        'standard',
        { hedge: 0.05 },
        { limit: { concurrency: 5, rate: { count: 10, window: 1_000 } } },
        { fallback: { respond: [] } },
        { endpoints: { list: [{ url: 'https://a.example', weight: 9 }, { url: 'https://b.example' }] } },
        'constructor1',
      ],
      routes: { 'GET /report/*': { timeout: { total: 120_000 }, hedge: false } },
      environments: { production: { use: [{ retry: 1 }] } },
    };
    const constructor1: Middleware = (_, next) => next();
    const options: Pick<PolicyOptions, 'middleware' | 'environment'> = {
      environment: 'production',
      middleware: { constructor1 },
    };
    expect(checkPolicy(document, options).description.map(({ sentence }) => sentence)).toEqual([
      'timeout ends the call, body included, after 30 s; ends it when the body has been silent: after 30 s.',
      'dedupe lets concurrent callers of the same resource share one request.',
      'resume continues a body that breaks off, with up to 5 further requests that bring no new byte.',
      'idempotency sends the key that the caller gives with every attempt, and executes once per key.',
      'retry sends a failed request again, up to once, with pauses of up to 200 ms, growing to 10 s, within a budget of 20 % extra requests.',
      'breaker stops sending to an origin after 50 % failures of at least 20 calls in 10 s, and tries again after 2 s.',
      'timeout waits for response headers, then ends the attempt after a limit learned from the route, between 1 s and 10 s.',
      'hedge sends a copy of a slow request: about 5 % more requests, at most 1 for a call.',
      'limit runs at most 5 calls at a time for an origin; starts at most 10 calls in 1 s.',
      'fallback returns [] when the call fails.',
      'endpoints sends each attempt to one of https://a.example (weight 9), https://b.example, by weight.',
      'constructor1 is a middleware of the program.',
      'For GET /report/*: timeout {"total":120000}, no hedge.',
    ]);
  });

  test.for<[string, unknown]>([
    ['undefined', undefined],
    ['null', null],
    ['a function', () => {}],
    ['NaN', NaN],
    ['a list', []],
    ['NaN deep within', { use: [{ retry: { retries: NaN } }] }],
    ['environments that are none', { environments: [] }],
    ['a wrong environment', { environments: { test: null } }],
  ])('returns the problem of %s, and does not throw', ([, document]) => {
    const check = checkPolicy(document as never);
    expect(check.problems).toHaveLength(1);
    expect([check.mistakes, check.description]).toEqual([[], []]);
  });

  test('describes every form of an option', () => {
    const use: PolicyDocument['use'] = [
      { timeout: { total: 'Infinity' as never, headers: { adaptive: {} }, idle: false as never } },
      { timeout: {} },
      { retry: { retries: 'Infinity' as never, backoff: { constant: [5] }, budget: false } },
      { retry: { backoff: { decorrelated: [5, 'Infinity'] } } },
      { breaker: { cooldown: { exponential: [1, 2] } } },
      { limit: { concurrency: { aimd: {} } } },
      { limit: { rate: { count: 1, window: 'Infinity' } as never } },
      { staleIfError: { ttl: 'Infinity' as never } },
      { race: { urls: [{ env: 'A' }, 'https://b.example'] } },
      { latest: { key: { fixed: 'a' } as never } },
      { maxBody: 5 },
      { chaos: { status: 500, enabled: true, rate: 0.5 } },
    ];
    const { problems, description } = checkPolicy({ use });
    expect(problems).toEqual([]);
    for (const { sentence } of description)
      expect(sentence).not.toMatch(/undefined|NaN|\[object| \.$|^\w+ \.|Infinity/);
  });
});
