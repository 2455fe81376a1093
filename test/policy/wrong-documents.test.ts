/** What an operations team reads when a document is wrong. The fault must be named by the message alone. */
import type { Middleware } from 'kyoa';
import { checkPolicy, PolicyError } from 'kyoa/policy';
import { describe, expect, test } from 'vitest';

import { sentenceOf } from '../../src/policy/policy-error.ts';

const lines = (...text: readonly string[]): string => text.join('\n');
const use = (...entries: readonly string[]): string => lines('{ "use": [', entries.join(',\n'), '] }');

const wrong: readonly (readonly [fault: string, text: string, ...expected: string[]])[] = [
  [
    'a misspelt policy',
    use('"log"', '{ "retrys": { "retries": 2 } }'),
    'line 3, use[1].retrys is no policy: do you mean retry?',
  ],
  [
    'a misspelt option',
    use('{ "retry": { "retires": 2 } }'),
    'line 2, use[0].retry.retires is no option: do you mean retries?',
  ],
  [
    'a number in quotes',
    use('{ "retry": { "retries": "2" } }'),
    'line 2, use[0].retry.retries must be a whole number of 0 or more, got "2"',
  ],
  [
    'a duration with a unit',
    use('{ "timeout": { "total": "5s" } }'),
    'line 2, use[0].timeout.total must be a number of milliseconds above 0, got "5s"',
  ],
  [
    'a number without an end',
    use('{ "retry": { "retries": 1e400 } }'),
    'line 2, use[0].retry.retries is no JSON: a number is beyond 1e308: write "Infinity" in quotes for no limit',
  ],
  [
    'a route with a query',
    '{ "routes": { "/users?page=1": { "retry": 1 } } }',
    'line 1, routes["/users?…"] must have no query and no hash: a route is a method and a URL without them',
  ],
  [
    'a route with a hash',
    '{ "routes": { "GET https://a.example/users#top": { "retry": 1 } } }',
    'line 1, routes["GET https://a.example/users#…"] must have no query and no hash: a route is a method and a URL without them',
  ],
  [
    'a route with a user',
    '{ "routes": { "https://user@a.example/": { "retry": 1 } } }',
    'line 1, routes["https://…@a.example/"] must have no name and no password in its URL',
  ],
  ['a percentage', use('{ "hedge": 5 }'), 'line 2, use[0].hedge.ratio must be a number from 0 to 1, got 5'],
  [
    'statuses in quotes',
    use('{ "retry": { "statuses": ["503"] } }'),
    'line 2, use[0].retry.statuses must be a list of numbers, such as [408,429], got ["503"]',
  ],
  [
    'one status in place of a list',
    use('{ "retry": { "statuses": 503 } }'),
    'line 2, use[0].retry.statuses must be a list of numbers, such as [408,429], got 503',
  ],
  [
    'a backoff in ms',
    use('{ "retry": { "backoff": 200 } }'),
    'line 2, use[0].retry.backoff must be { "exponential": [200, 10000] }, got 200',
  ],
  [
    'a backoff with one number',
    use('{ "retry": { "backoff": { "exponential": [200] } } }'),
    'line 2, use[0].retry.backoff is wrong: write {"exponential":[200,10000]}',
  ],
  [
    'a function that code may have',
    use('{ "retry": { "when": "5xx" } }'),
    'line 2, use[0].retry.when is a function, which no document can hold: leave it out',
  ],
  [
    'two policies in one object',
    use('{ "retry": 2, "timeout": 5000 }'),
    'line 2, use[0] must be the name of a policy, or an object with one: { "retry": { "retries": 2 } }, got retry and timeout in one object',
  ],
  [
    'an object in place of the list',
    '{ "use": { "retry": 2 } }',
    'line 1, use must be a list of policies, such as [{ "retry": { "retries": 2 } }], got {"retry":2}',
  ],
  [
    'endpoints without a weight',
    use('{ "endpoints": { "list": [{ "url": "https://a.example", "weight": 0 }] } }'),
    'line 2, use[0].endpoints.list must be a list with a weight above 0, got [{"url":"…","weight":0}]',
  ],
  [
    'an endpoint without a scheme',
    use('{ "endpoints": { "list": [{ "url": "a.example" }] } }'),
    'line 2, use[0].endpoints.list url must be an http URL without credentials, query and hash, got "a.example"',
  ],
  ['endpoints without a list', use('"endpoints"'), 'line 2, use[0].endpoints must have list'],
  ['a limit without a bound', use('"limit"'), 'line 2, use[0].limit must be given concurrency, rate or both'],
  [
    'a route without a slash',
    '{ "routes": {\n"api.example.com/*": { "retry": 1 } } }',
    'line 2, routes["api.example.com/*"] must be like "GET https://api.example.com/users/*", "/users/*" for every origin, or "*" for every call',
  ],
  [
    'a route for a policy that is not there',
    '{ "use": ["retry"],\n"routes": { "*": { "hedge": 0.1 } } }',
    'line 2, routes["*"].hedge is not in "use", so that it has no effect: add { "hedge": {} } there',
  ],
  [
    'a route that changes what calls share',
    '{ "routes": {\n"*": { "breaker": { "window": 5000 } } } }',
    'line 2, routes["*"].breaker.window belongs to what all calls share, and cannot differ by route; ratio, volume, cooldown, slow, key, when can',
  ],
  [
    'a secret in the document',
    use('{ "tenant": { "apiKey": "hunter2" } }'),
    'line 2, use[0].tenant.apiKey looks like a secret: write { "env": "NAME_OF_A_VARIABLE" } in its place',
  ],
  [
    'a secret that is not declared',
    use('{ "tenant": { "apiKey": { "secret": "key" } } }'),
    'line 2, use[0].tenant.apiKey refers to the secret key, which is not among "secrets"',
  ],
  [
    'a variable that is not set',
    use('{ "tenant": { "apiKey": { "env": "NOT_SET" } } }'),
    'line 2, use[0].tenant.apiKey refers to NOT_SET, which is not set in the environment',
  ],
  [
    'several faults at once',
    use('{ "retry": -1 }', '{ "hegde": 1 }', '{ "timeout": 0 }'),
    'line 2, use[0].retry.retries must be a whole number of 0 or more, got -1',
    'line 3, use[1].hegde is no policy: do you mean hedge?',
    'line 4, use[2].timeout.total must be a number of milliseconds above 0, got 0',
  ],
  [
    'a fault in an environment that is not present',
    '{ "environments": { "production": {\n"use": [{ "retry": -1 }] } } }',
    'line 2, environments.production.use[0].retry.retries must be a whole number of 0 or more, got -1',
  ],
  [
    'the form of a service config',
    '{ "methodConfig": [] }',
    'line 1, methodConfig is no member of a document: there are $schema, version, use, options, routes, secrets, environments',
  ],
];

const tenant = (): Middleware => (_, next) => next();
const options = { middleware: { tenant }, env: () => undefined };

describe('a document with', () => {
  test.for(wrong)('%s says so', ([, text, ...expected]) => {
    const { problems } = checkPolicy(text, options);
    expect(problems.map(sentenceOf)).toEqual(expected);
    expect(new PolicyError(problems).message).toBe(`The policy document is refused. ${expected.join('; ')}`);
  });
});
