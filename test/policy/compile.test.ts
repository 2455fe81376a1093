import { createFetch, retry, type Middleware } from 'kyoa';
import { checkPolicy, policy, type PolicyDocument } from 'kyoa/policy';
import { describe, expect, test } from 'vitest';

import { manualSource, watched } from '../support/policy-source.ts';

const pass: Middleware = (_, next) => next();
const respond = async (): Promise<Response> => new Response('ok');

describe('a middleware of the program', () => {
  test('is the middleware itself, or made of the options of the document', async () => {
    const seen: unknown[] = [];
    const tenant = (options: unknown): Middleware => (seen.push(options), pass);
    const live = policy(
      { use: ['pass', { tenant: { id: 7, headers: { total: 'Infinity' }, key: 'byRoute' } }] },
      { middleware: { pass, tenant } },
    );
    expect(live.current).toEqual([pass, pass]);
    expect(seen).toEqual([{ id: 7, headers: { total: 'Infinity' }, key: 'byRoute' }]);
    expect(await (await createFetch({ use: live, fetch: respond })('https://a.example/')).text()).toBe('ok');
  });

  test('is known by the name that it is registered by, as a minifier changes that of its function', async () => {
    const seen: unknown[] = [];
    const t: Middleware = (ctx, next) => (seen.push(ctx.options['tenant']), next());
    const live = policy({ use: ['tenant'], routes: { '*': { tenant: 1 } } }, { middleware: { tenant: t } });
    const fetch = createFetch({ use: live, fetch: respond });
    await fetch('https://a.example/');
    await fetch('https://a.example/', { tenant: 2 } as RequestInit);
    expect(seen).toEqual([1, 2]);
    expect(live.snapshot().use).toEqual([{ name: 'tenant', options: {}, source: 'the program' }]);
  });

  test('may be a policy of kyoa under a name of its own', () => {
    const live = policy(
      { use: [{ ours: { retries: 2 } }] },
      { middleware: { ours: (options: object) => retry(options) } },
    );
    expect(live.current.map(({ name }) => name)).toEqual(['retry']);
  });

  test.for<[string, unknown, unknown, string]>([
    [
      'throws',
      () => {
        throw new TypeError('no id');
      },
      {},
      'use[0].own no id',
    ],
    [
      'throws what is no error',
      () => {
        throw 'no id';
      },
      {},
      'use[0].own failed: no id',
    ],
    [
      'throws of one of its options',
      () => {
        throw new Error('own id must be a number');
      },
      { id: 'x' },
      'use[0].own.id must be a number',
    ],
    [
      'returns no middleware',
      () => ({}),
      {},
      'use[0].own must be a middleware (ctx, next), or a function that returns one',
    ],
    ['is async', async () => pass, {}, 'use[0].own must be a middleware (ctx, next), or a function that returns one'],
    [
      'is a middleware, and has options',
      pass,
      { id: 7 },
      'use[0].own takes no options: the program gives a middleware',
    ],
  ])('that %s is a fault of the document', ([, own, options, expected]) => {
    const given = { middleware: { own: own as Middleware } };
    const document: PolicyDocument = { use: [{ own: options }] };
    expect(() => policy(document, given)).toThrow(expected);
    expect(checkPolicy(document, given).problems).toHaveLength(1);
    const source = manualSource();
    const { types, stack } = watched([{ use: ['trace'] }, source], given);
    source.document(JSON.stringify(document));
    expect([types(), stack()]).toEqual([['policy.refused'], 'trace:']);
  });
});

describe('options of a route', () => {
  test.for<[string, unknown, string]>([
    ['is of no policy', { retyr: false }, 'routes["*"].retyr is no policy: do you mean retry?'],
    ["is of an object's prototype", { constructor: {} }, 'routes["*"].constructor is no policy'],
    ['is of a policy that is not in the stack', { hedge: 0.1 }, 'routes["*"].hedge is not in "use"'],
    ['is of a middleware that is not in the stack', { tenant: 5 }, 'routes["*"].tenant is not in "use"'],
    ['is null', { retry: null }, 'routes["*"].retry must be an object'],
    ['is a text', { retry: 'twice' }, 'routes["*"].retry retries must be a whole number'],
    ['is a list', { retry: [] }, 'routes["*"].retry'],
    [
      'has a wrong value',
      { retry: { retries: -1 } },
      'routes["*"].retry.retries must be a whole number of 0 or more, got -1',
    ],
    [
      'is misspelt',
      { retry: { retrys: 1 } },
      'routes["*"].retry.retrys is no option of retry for a route: do you mean retries?',
    ],
    ['is shared', { breaker: { probes: 1 } }, 'routes["*"].breaker.probes belongs to what all calls share'],
    [
      'is shared, as all are',
      { log: { level: 'info' } },
      'routes["*"].log.level belongs to what all calls share, and cannot differ by route; only false can',
    ],
    ['is of trace', { trace: { on: true } }, 'routes["*"].trace.on is no option of trace for a route: there is none'],
    ['is a number for trace', { trace: 5 }, 'routes["*"].trace'],
    [
      'has wrong arguments',
      { timeout: { total: { adaptive: { max: 1 } } } },
      'routes["*"].timeout.total is wrong: adaptive max must be at least min, 500, got 1',
    ],
    [
      'has a function',
      { retry: { when: 'always' } },
      'routes["*"].retry.when is a function, which no document can hold',
    ],
  ])('are refused if one %s', ([, options, expected]) => {
    const document = { use: ['standard', 'log', 'trace'], routes: { '*': options } } as PolicyDocument;
    const { problems } = checkPolicy(document, { middleware: { tenant: pass } });
    expect(problems).toHaveLength(1);
    expect(`${problems[0]!.path} ${problems[0]!.message}`).toContain(expected);
    expect(() => policy(document, { middleware: { tenant: pass } })).toThrow(expected);
  });

  test('may switch off what is not in the stack, and have numbers without an end', () => {
    const live = policy({
      use: ['retry', { timeout: 5 }],
      routes: { '*': { hedge: false, timeout: 'Infinity', retry: true } },
    });
    expect(live.optionsFor('GET', 'https://a.example/', {})).toEqual({ hedge: false, timeout: Infinity, retry: true });
  });
});

describe('numbers that mean never or none', () => {
  test.for<[string, PolicyDocument]>([
    ['a cooldown of 0', { use: [{ breaker: { cooldown: 0 } }] }],
    ['weights of 0 alone', { use: [{ endpoints: { list: [{ url: 'https://a.example', weight: 0 }] } }] }],
    [
      'a weight without end',
      { use: [{ endpoints: { list: [{ url: 'https://a.example', weight: 'Infinity' as never }] } }] },
    ],
    ['a ratio above 1', { use: [{ hedge: 1.01 }] }],
    ['a timeout of 0', { use: [{ timeout: 0 }] }],
    ['a text for a number', { use: [{ timeout: { idle: '5' as never } }] }],
    ['NaN as a text', { use: [{ retry: { retries: 'NaN' as never } }] }],
    ['-Infinity as a text', { use: [{ retry: { retries: '-Infinity' as never } }] }],
  ])('%s is refused', ([, document]) => {
    expect(checkPolicy(document).problems).toHaveLength(1);
  });

  test('a hedge ratio of 0 sends no copy', async () => {
    let sent = 0;
    const live = policy({ use: [{ hedge: 0 }] });
    const fetch = createFetch({ use: live, fetch: async () => ((sent += 1), new Response('ok')) });
    for (let n = 0; n < 30; n += 1) await fetch('https://a.example/');
    expect(sent).toBe(30);
  });
});
