import { createFetch, memory, type Middleware } from 'kyoa';
import { checkPolicy, policy, type PolicyDocument } from 'kyoa/policy';
import { describe, expect, test } from 'vitest';

import { origin, settled } from '../support/origin.ts';
import { manualSource, watched } from '../support/policy-source.ts';

/** It has letters that JSON writes in another way. */
const secret = 'hunter2 "\\ \n ß';
const env = (name: string): string | undefined => ({ KEY: secret, EMPTY: '', NODE_ENV: 'test' })[name];

const takes =
  (seen: unknown[]) =>
  (options: unknown): Middleware => {
    seen.push(options);
    return (ctx, next) => {
      seen.push(ctx.options['tenant']);
      return next();
    };
  };

function expectHidden(...all: readonly unknown[]): void {
  const text = all.map((value) => (value instanceof Error ? value.message : JSON.stringify(value))).join('\n');
  expect(text).not.toContain('hunter2');
}

describe('a reference to a secret', () => {
  test('is replaced by the variable that it names, at any depth, in the stack and in routes', async () => {
    await using server = await origin(({ response }) => response.end());
    const seen: unknown[] = [];
    const document: PolicyDocument = {
      secrets: { key: { env: 'KEY' } },
      use: [{ tenant: { apiKey: { secret: 'key' }, all: [{ deep: { env: 'KEY' } }] } }],
      routes: { '*': { tenant: { token: { env: 'KEY' } } } },
    };
    const live = policy(document, { env, middleware: { tenant: takes(seen) } });
    await createFetch({ use: live })(server.url);
    expect(seen).toEqual([{ apiKey: secret, all: [{ deep: secret }] }, { token: secret }]);
    expectHidden(live.snapshot(), checkPolicy(document, { env, middleware: { tenant: takes([]) } }));
  });

  test('may be in an option of a policy of kyoa', async () => {
    await using server = await origin(({ response }) => response.end('here'));
    const live = policy({ use: [{ endpoints: { list: [{ url: { env: 'URL' } }] } }] }, { env: () => server.url });
    expect(await (await createFetch({ use: live })('https://a.example/')).text()).toBe('here');
  });

  test.for<[string, PolicyDocument]>([
    ['an option of a policy', { use: [{ retry: { retries: { env: 'KEY' } as never } }] }],
    ['a member of a list', { use: [{ retry: { methods: [{ env: 'KEY' } as never, 5 as never] } }] }],
    ['a list of URLs', { use: [{ race: { urls: [{ env: 'KEY' }] } }] }],
    ['an endpoint', { use: [{ endpoints: { list: [{ url: { env: 'KEY' } }] } }] }],
    ['a zone', { use: [{ endpoints: { list: [{ url: 'ftp://a', zone: { env: 'KEY' } as never }] } }] }],
    ['an argument', { use: [{ retry: { backoff: { exponential: [{ env: 'KEY' }, 1] } } }] }],
    ['a route', { use: ['retry'], routes: { '*': { retry: { retries: { env: 'KEY' } } } } }],
    ['the options of a middleware that throws', { use: [{ thrower: { key: { env: 'KEY' } } }] }],
    ['a header', { use: [{ idempotency: { header: { env: 'KEY' } as never } }] }],
    ['a choice', { use: [{ log: { level: { env: 'KEY' } as never } }] }],
  ])('is in no error, event or snapshot if it is wrong for %s', ([, document]) => {
    const thrower = (options: unknown): Middleware => {
      throw new Error(`cannot use ${JSON.stringify(options)}`);
    };
    const options = { env, middleware: { thrower } };
    const source = manualSource();
    const { live, events } = watched(source, options);
    source.document(JSON.stringify(document));
    expect(events).toMatchObject([{ type: 'policy.refused' }]);
    const check = checkPolicy(document, options);
    expect(check.problems).toHaveLength(1);
    const error = (() => {
      try {
        return policy(document, options);
      } catch (error) {
        return error;
      }
    })();
    expect(error).toBeInstanceOf(Error);
    expectHidden(events, live.snapshot(), check, error);
  });

  test('is not shown in part if it is too long for a message', () => {
    const document: PolicyDocument = { use: [{ log: { level: { env: 'KEY' } as never } }] };
    const { problems } = checkPolicy(document, { env: () => 'hunter2'.repeat(100) });
    expect(problems).toEqual([{ path: 'use[0].log.level', message: "must be 'info' or 'warn' or 'error'" }]);
  });

  test('is stored as a reference', async () => {
    const storage = memory();
    const source = manualSource();
    policy(source, { env, storage, wait: 0, middleware: { tenant: takes([]) } });
    source.document('{ "use": [{ "tenant": { "key": { "env": "KEY" } } }] }');
    await settled();
    const entry = await storage.get('policy config');
    expect(entry?.value).toContain('"env"');
    expectHidden(entry?.value);
  });

  test.for<[string, unknown, string]>([
    [
      'to a variable that is not set',
      { key: { env: 'NOT_SET' } },
      'use[0].tenant.key refers to NOT_SET, which is not set in the environment',
    ],
    [
      'to a secret that is not declared',
      { key: { secret: 'other' } },
      'use[0].tenant.key refers to the secret other, which is not among "secrets"',
    ],
    [
      'to a secret named constructor',
      { key: { secret: 'constructor' } },
      'use[0].tenant.key refers to the secret constructor, which is not among',
    ],
    [
      'with its value beside it',
      { token: 'hunter2' },
      'use[0].tenant.token looks like a secret: write { "env": "NAME_OF_A_VARIABLE" } in its place',
    ],
    ['with its value deep beside it', { a: [{ client_secret: 'hunter2' }] }, 'use[0].tenant.a looks like a secret'],
  ])('%s is refused', ([, tenant, expected]) => {
    const make = (): unknown => policy({ use: [{ tenant }] }, { env, middleware: { tenant: takes([]) } });
    expect(make).toThrow(expected);
    expect(make).toThrow(expect.not.objectContaining({ message: expect.stringContaining('hunter2') as unknown }));
  });

  test.for(['tokenUrl', 'cookieName', 'maxTokens', 'passwordless', 'secretary'])('is not demanded for %s', (name) => {
    expect(() =>
      policy({ use: [{ tenant: { [name]: 'a' } }] }, { env, middleware: { tenant: takes([]) } }),
    ).not.toThrow();
  });

  test('to an empty variable is an empty text', () => {
    const seen: unknown[] = [];
    policy({ use: [{ tenant: { key: { env: 'EMPTY' } } }] }, { env, middleware: { tenant: takes(seen) } });
    expect(seen).toEqual([{ key: '' }]);
  });

  test('is right for checkPolicy where it has no environment', () => {
    expect(checkPolicy({ use: [{ endpoints: { list: [{ url: { env: 'URL' } }] } }] })).toMatchObject({
      problems: [],
      description: [{ sentence: 'endpoints sends each attempt to one of a secret address, by weight.' }],
    });
  });
});
