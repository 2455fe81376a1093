/** Mistakes of a first call: the message alone says what to write. */
import { describe, expect, test } from 'vitest';
import kyoa, { createFetch, createHandler, standard, type KyoaError } from '../../src/index.ts';

/** What a call throws or rejects with. */
async function reasonOf(call: () => unknown): Promise<KyoaError> {
  try {
    await call();
  } catch (error) {
    return error as KyoaError;
  }
  throw new Error('The call succeeds');
}

const mistakes: Record<string, [mistake: () => unknown, message: string]> = {
  'a relative URL without baseUrl': [
    () => kyoa.get('users'),
    '"users" is no absolute URL: write one, or create({ baseUrl }), such as https://api.example.com/',
  ],
  'a URL without its scheme': [
    () => kyoa.get('127.0.0.1:8080/users'),
    '"127.0.0.1:8080/users" is no absolute URL: write one, or create({ baseUrl }), such as https://api.example.com/',
  ],
  'a baseUrl without its scheme': [
    () => kyoa.create({ baseUrl: 'localhost:8080' }).get('users'),
    'baseUrl is "localhost:8080": write an absolute URL, such as https://api.example.com/',
  ],
  'a baseUrl that is a path, where there is no page': [
    () => kyoa.create({ baseUrl: '/api' }).get('users'),
    'baseUrl is "/api": write an absolute URL, such as https://api.example.com/',
  ],
  'a prefix without its scheme': [
    () => kyoa.create({ prefix: 'api.example.com' }).get('users'),
    'prefix is "api.example.com": write an absolute URL, such as https://api.example.com/',
  ],
  'data in place of the options': [
    () => kyoa.post('http://127.0.0.1:4/', { items: ['tea'], total: 12 } as never),
    'kyoa has no option items, total: write post(url, { json }), or body: null',
  ],
  'data in place of the options of an instance': [
    () => kyoa.create({ baseUrl: 'http://127.0.0.1:4/' }).put('', { method: 'put', name: 'Ada' } as never),
    'kyoa has no option name: write put(url, { json }), or body: null',
  ],
  'data before the options': [
    () => (kyoa.post as (...given: unknown[]) => unknown)('http://127.0.0.1:4/', { id: 42 }, { headers: {} }),
    'a call takes two arguments: write post(url, { json, ...options })',
  ],
  'an object as a body': [
    () => kyoa.post('http://127.0.0.1:4/', { body: { id: 42 } as never }),
    'body is a plain object, which fetch does not send as JSON: write json',
  ],
  'a stack in place of the options of createFetch': [
    () => createFetch(standard() as never),
    'createFetch must be called with { use: [] }, got [null,null,null,null,null,null,null]',
  ],
  'the handler before the options of createHandler': [
    () => createHandler((() => new Response()) as never, {} as never),
    'createHandler must be called with { use: [] } and then the handler, got function (anonymous)',
  ],
};

test.each(Object.entries(mistakes))('%s is refused with what to write', async (_, [mistake, message]) => {
  expect(await reasonOf(mistake)).toMatchObject({ code: 'INVALID_OPTION', message });
});

test.each<[what: string, mistake: () => unknown, message: string]>([
  ['undefined', () => kyoa.get(undefined as never), 'the URL is undefined: pass a URL or a Request'],
  ['an object', () => kyoa({ url: '/users' } as never), 'the URL is {"url":"…"}: pass a URL or a Request'],
  ['a list as data', () => kyoa.post('http://127.0.0.1:4/', ['tea'] as never), 'must be an object: write json'],
])('%s in place of the URL or of the options is a TypeError that says what to pass', async (_, mistake, message) => {
  expect(await reasonOf(mistake)).toMatchObject({
    name: 'TypeError',
    message: expect.stringContaining(message) as string,
  });
});

test('a POST with options that something reads is sent without a body', async () => {
  const inits: object[] = [];
  const fetch = async (_: unknown, init: object = {}): Promise<Response> => (inits.push(init), new Response());
  const url = 'http://127.0.0.1:4/';
  await kyoa.post(url, { fetch, tenant: 'a' } as never);
  await kyoa.create({ fetch }).post(url, { tenant: 'b' } as never);
  const init = ({ tenant, ...options }: { tenant?: string }): void => void Object.assign(options, { body: tenant });
  await kyoa.create({ fetch, hooks: { init: [init as never] } }).post(url, { tenant: 'c' } as never);
  expect(inits).toMatchObject([{ tenant: 'a' }, { tenant: 'b' }, { tenant: 'c' }]);

  const platform = globalThis.fetch;
  globalThis.fetch = fetch;
  try {
    await kyoa.post(url, { priority: 'low', next: { revalidate: 0 }, searchParams: { q: 1 }, timeout: 100 } as never);
    await kyoa.post(url, { tenant: 'd', body: null } as never);
    await kyoa.post(new Request(url, { method: 'POST', body: 'x' }), { tenant: 'e' } as never);
  } finally {
    globalThis.fetch = platform;
  }
  expect(inits).toHaveLength(6);
});

test('json() of a body that is no JSON names the URL, the status and the type of the response', async () => {
  const page = (): Response => new Response('<!doctype html>', { headers: { 'content-type': 'text/html' } });
  const client = kyoa.create({ fetch: async () => page() });
  const error = await reasonOf(() => client.get('http://127.0.0.1:4/users?key=secret').json());
  expect(error).toBeInstanceOf(SyntaxError);
  expect(error.message).toMatch(
    /^Unexpected token '<'.*: http:\/\/127\.0\.0\.1:4\/users.* responded with 200, text\/html$/,
  );
  expect(error.message).not.toContain('secret');
  expect(error.cause).toBeInstanceOf(SyntaxError);

  const own = new SyntaxError('no such shape');
  const parseJson = (): never => {
    throw own;
  };
  expect(await reasonOf(() => client.get('http://127.0.0.1:4/users', { parseJson }).json())).toBe(own);
});

test('a handler that returns no Response is named as the handler', async () => {
  const handle = createHandler({ use: standard() }, () => ({ id: 42 }) as never);
  expect(await reasonOf(() => handle(new Request('http://shop.example/')))).toMatchObject({
    code: 'BAD_MIDDLEWARE',
    message: 'the handler resolved to {"id":42}; it must resolve to a Response',
  });
});

test('a scheme that fetch does not know is named, also for a host that is taken for one', async () => {
  const { message } = await reasonOf(() => kyoa.get('localhost:8080/users'));
  expect(message).toMatch(/: GET localhost:8080\/users: unknown scheme$/);
});

describe('is left alone:', () => {
  test.each<[title: string, call: () => unknown]>([
    ['a TypeError of another member', () => kyoa.get('http://127.0.0.1:4/', { body: 'a GET has none' })],
    ['a URL that is not of HTTP', () => kyoa.get('data:text/plain,hello', { body: 'a GET has none' })],
    ['a TypeError beside a good baseUrl', () => kyoa.create({ baseUrl: 'http://127.0.0.1:4/' }).get('', { body: 'x' })],
  ])('%s', async (_, call) => {
    expect(await reasonOf(call)).toMatchObject({
      name: 'TypeError',
      message: expect.stringContaining('body') as string,
    });
  });

  test('a URL of HTTP that is sent as it is, and a body that has a text of its own', async () => {
    const sent: unknown[] = [];
    const fetch = async (request: Request): Promise<Response> => {
      sent.push(await request.text());
      return new Response();
    };
    await kyoa.post('http://api.example/', { fetch: fetch as never, body: { toString: () => 'its text' } as never });
    expect(sent).toEqual(['its text']);
  });
});
