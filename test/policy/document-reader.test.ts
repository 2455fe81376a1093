import { describe, expect, test } from 'vitest';

import { partsOf } from '../../src/policy/document-reader.ts';
import { policiesOf, type Parts } from '../../src/policy/parsed-document.ts';

const names = { middleware: ['tenant'], environment: 'production' };

function read(document: unknown): Parts {
  return partsOf(document, 3, names);
}

function stack(document: unknown): unknown {
  return policiesOf(read(document).use).map(({ name, options }) => [name, options]);
}

function problems(document: unknown): readonly string[] {
  return read(document).problems.map(({ path, message }) => `${path} ${message}`);
}

describe('a document', () => {
  test('names a policy alone, with options, or with the number that is short for one', () => {
    const use = ['trace', { retry: 2 }, { timeout: 'Infinity' }, { hedge: null }, { log: true }, { tenant: { id: 7 } }];
    expect(problems({ use })).toEqual([]);
    expect(stack({ use })).toEqual([
      ['trace', {}],
      ['retry', { retries: 2 }],
      ['timeout', { total: 'Infinity' }],
      ['hedge', {}],
      ['log', {}],
      ['tenant', { id: 7 }],
    ]);
  });

  test('without use says nothing of the stack, and an empty one has no policies', () => {
    expect(read({}).use).toBeUndefined();
    expect(read({ use: [] }).use).toEqual([]);
  });

  test('leaves out a policy that is false', () => {
    expect(stack({ use: [{ retry: false }, 'trace'] })).toEqual([['trace', {}]]);
  });

  test.for<[string, unknown]>([
    ['by name', 'standard'],
    ['with no options', { standard: {} }],
    ['with null', { standard: null }],
    ['with true', { standard: true }],
  ])('has the standard stack %s', ([, entry]) => {
    expect(stack({ use: [entry] })).toMatchObject([
      ['timeout', { total: 30_000, idle: 30_000 }],
      ['dedupe', {}],
      ['resume', {}],
      ['idempotency', { generate: false }],
      ['retry', {}],
      ['breaker', {}],
      ['timeout', { headers: { adaptive: { min: 1_000, estimate: { quantile: [0.99, { factor: 2 }] } } } }],
    ]);
  });

  test('has the standard stack with options by policy', () => {
    const standard = {
      timeout: { headers: 900, total: 5_000 },
      retry: 1,
      breaker: false,
      idempotency: { generate: true },
    };
    expect(stack({ use: [{ standard }] })).toEqual([
      ['timeout', { total: 5_000, idle: 30_000 }],
      ['dedupe', {}],
      ['resume', {}],
      ['idempotency', { generate: true }],
      ['retry', { retries: 1 }],
      ['timeout', { headers: 900 }],
    ]);
  });

  test('has the layer of the present environment over the rest, and not those of others', () => {
    const document = {
      version: 4,
      use: [{ retry: { retries: 3, maxRetryAfter: 9 } }],
      routes: { '*': { retry: 1 } },
      environments: {
        production: { use: [{ retry: { retries: 1 } }, 'trace'], routes: { '/a': { retry: false } } },
        test: { use: [{ retry: { retries: 9 } }] },
      },
    };
    expect(read(document).version).toBe(4);
    expect(stack(document)).toEqual([
      ['retry', { retries: 1, maxRetryAfter: 9 }],
      ['trace', {}],
    ]);
    expect([...read(document).routes.keys()]).toEqual(['*', '/a']);
  });

  test('is checked in the environments that are not present, too', () => {
    expect(problems({ environments: { test: { use: [{ retyr: {} }], version: 2 } } })).toEqual([
      'environments.test.version is no member of a document: there are use, options, routes, secrets',
      'environments.test.use[0].retyr is no policy: do you mean retry?',
    ]);
  });

  test.for<[string, unknown, string]>([
    ['is null', null, ' is no object: write { "use": [{ "retry": { "retries": 2 } }] }'],
    ['is a list', [], ' is no object: write { "use": [{ "retry": { "retries": 2 } }] }'],
    ['is a text', 'standard', ' is no object: write { "use": [{ "retry": { "retries": 2 } }] }'],
    ['has a name that it cannot have', { uses: [] }, 'uses is no member of a document: do you mean use?'],
    [
      'has constructor',
      { constructor: {} },
      'constructor is no member of a document: there are $schema, version, use, options, routes, secrets, environments',
    ],
    [
      'has an object for use',
      { use: {} },
      'use must be a list of policies, such as [{ "retry": { "retries": 2 } }], got {}',
    ],
    [
      'has null for use',
      { use: null },
      'use must be a list of policies, such as [{ "retry": { "retries": 2 } }], got null',
    ],
    [
      'has a list in use',
      { use: [['retry']] },
      'use[0] must be the name of a policy, or an object with one: { "retry": { "retries": 2 } }, got ["retry"]',
    ],
    [
      'has null in use',
      { use: [null] },
      'use[0] must be the name of a policy, or an object with one: { "retry": { "retries": 2 } }, got null',
    ],
    [
      'has an empty object in use',
      { use: [{}] },
      'use[0] must be the name of a policy, or an object with one: { "retry": { "retries": 2 } }, got {}',
    ],
    [
      'has two policies in one object',
      { use: [{ retry: {}, trace: {} }] },
      'use[0] must be the name of a policy, or an object with one: { "retry": { "retries": 2 } }, got retry and trace in one object',
    ],
    [
      'has a policy that needs a function',
      { use: ['auth'] },
      'use[0].auth needs a function, which a document cannot have: create it in code, as middleware.auth of policy()',
    ],
    ['has a policy that does not exist', { use: ['retries'] }, 'use[0].retries is no policy: do you mean retry?'],
    [
      'has a text for options',
      { use: [{ retry: 'twice' }] },
      'use[0].retry must be an object with options, a number (retries), or false, got "twice"',
    ],
    [
      'has a list for options',
      { use: [{ breaker: [1] }] },
      'use[0].breaker must be an object with options, or false, got [1]',
    ],
    [
      'has a number for what takes none',
      { use: [{ breaker: 1 }] },
      'use[0].breaker must be an object with options, or false, got 1',
    ],
    [
      'has a list for standard',
      { use: [{ standard: [] }] },
      'use[0].standard must be an object with options by policy, such as { "retry": { "retries": 2 } }, got []',
    ],
    [
      'has hedge in standard',
      { use: [{ standard: { hedge: 1 } }] },
      'use[0].standard.hedge is no policy of standard: there are timeout, dedupe, resume, idempotency, retry, breaker',
    ],
    [
      'has constructor in standard',
      { use: [{ standard: { constructor: {} } }] },
      'use[0].standard.constructor is no policy of standard: there are timeout, dedupe, resume, idempotency, retry, breaker',
    ],
    [
      'has a list for routes',
      { routes: [] },
      'routes must be an object: options by route, such as { "GET https://api.example.com/*": { "timeout": 5000 } }, got []',
    ],
    [
      'has null for a route',
      { routes: { '*': null } },
      'routes["*"] must be an object with options by policy, such as { "retry": false }, got null',
    ],
    [
      'has a route twice',
      { routes: { 'https://A.example/': {}, 'https://a.example': {} } },
      'routes["https://a.example"] is the same route as "https://A.example/": remove one',
    ],
    ['has an object for version', { version: {} }, 'version must be a number or a text, got {}'],
    ['has a list for environments', { environments: [] }, 'environments must be an object: the layers by environment'],
    [
      'has null for an environment',
      { environments: { test: null } },
      'environments.test must be an object with use, options, routes, secrets',
    ],
    [
      'has a list for secrets',
      { secrets: [] },
      'secrets must be an object: references by name, such as { "apiKey": { "env": "API_KEY" } }',
    ],
    [
      'has a secret in secrets',
      { secrets: { apiKey: 'hunter2' } },
      'secrets.apiKey must say where the secret is: { "env": "API_KEY" }',
    ],
  ])('is refused if it %s', ([, document, expected]) => {
    expect(problems(document)).toEqual([expected]);
  });
});
