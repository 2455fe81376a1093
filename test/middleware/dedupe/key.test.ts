import { describe, expect, test } from 'vitest';
import { createFetch, dedupe, type Fetch, type Middleware } from '../../../src/index.ts';
import { stub } from '../../support/call.ts';
import { url } from '../../support/http.ts';
import { settled } from '../../support/origin.ts';
import type { Init } from './calls.ts';

describe('the key of dedupe', () => {
  /** The number of requests that are sent for these concurrent calls. */
  const sent = async (...inits: (Init & { url?: string })[]): Promise<number> => {
    let release = (): void => {};
    const held = new Promise<void>((resolve) => (release = resolve));
    const { fetch, sent } = stub([dedupe()], async () => (await held, new Response('body')));
    const texts = inits.map(async ({ url: other = url, ...init }) => (await fetch(other, init)).text());
    await settled();
    release();
    expect(await Promise.all(texts)).toEqual(inits.map(() => 'body'));
    return sent.length;
  };

  test.each<[string, ...(Init & { url?: string })[]]>([
    ['GET', {}, {}],
    ['HEAD', { method: 'HEAD' }, { method: 'head' }],
    ['headers of tracing', { headers: { traceparent: '1' } }, { headers: { Traceparent: '2' } }],
    ['the same identity', { headers: { authorization: 'a' } }, { headers: { Authorization: 'a' } }],
    ['a requestId', { requestId: 'a' }, { requestId: 'a' }],
    ['POST with a requestId and no body', { method: 'POST', requestId: 'a' }, { method: 'POST', requestId: 'a' }],
    [
      'POST with a requestId and the same text',
      { method: 'POST', requestId: 'a', body: '{"n":1}' },
      { method: 'POST', requestId: 'a', body: '{"n":1}' },
    ],
  ])('is the same for: %s', async (_what, ...inits) => {
    expect(await sent(...inits)).toBe(1);
  });

  test.each<[string, ...(Init & { url?: string })[]]>([
    ['another path or query', {}, { url: `${url}x` }, { url: `${url}?x` }],
    ['another method', {}, { method: 'HEAD' }],
    ['a POST', { method: 'POST' }, { method: 'POST' }],
    ['a DELETE', { method: 'DELETE' }, { method: 'DELETE' }],
    ['another requestId', {}, { requestId: 'a' }, { requestId: 'b' }],
    ['a redirect mode', {}, { redirect: 'manual' }, { redirect: 'error' }],
    ['a credentials mode', {}, { credentials: 'omit' }, { credentials: 'include' }],
    ['a cache mode', {}, { cache: 'no-store' }, { cache: 'reload' }],
    ...['authorization', 'cookie', 'accept', 'accept-language', 'range'].map((name): [string, ...Init[]] => [
      name,
      {},
      { headers: { [name]: 'a' } },
      { headers: { [name]: 'b' } },
    ]),
    [
      'values that look like each other when they are joined',
      { headers: { authorization: 'a', cookie: 'b' } },
      { headers: { authorization: 'a","b' } },
      { headers: { authorization: 'a, b' } },
      { headers: { authorization: 'a|b' } },
      { headers: { cookie: 'a","b' } },
      { headers: { accept: 'null' } },
    ],
    [
      'POST with a requestId and another text',
      { method: 'POST', requestId: 'a', body: '1' },
      { method: 'POST', requestId: 'a', body: '2' },
      { method: 'POST', requestId: 'a' },
    ],
    [
      'POST with a requestId and bytes',
      { method: 'POST', requestId: 'a', body: new Uint8Array([1]) },
      { method: 'POST', requestId: 'a', body: new Uint8Array([1]) },
    ],
  ])('differs for: %s', async (_what, ...inits) => {
    expect(await sent(...inits)).toBe(inits.length);
  });

  describe('with an option that is not kyoa’s own', () => {
    const circular: Record<string, unknown> = {};
    circular['self'] = circular;
    const as = (option: unknown): Init => ({ tenant: option }) as Init;

    test.each<[string, unknown, unknown?]>([
      ['text', 'acme'],
      ['null', null],
      ['a number', 1.5],
      ['a plain object with a list', { name: 'acme', tags: [1, [true, null]], none: Object.create(null) }],
      ['an absent one', undefined],
    ])('is the same for: %s', async (_what, option) => {
      expect(await sent(as(option), as(structuredClone(option)))).toBe(1);
    });

    test.each<[string, unknown, unknown]>([
      ['another text', 'acme', 'globex'],
      ['text and a number', '1', 1],
      ['null and an absent one', null, undefined],
      ['false and an absent one', false, undefined],
      ['a list and its text', ['a', 'b'], '["a","b"]'],
      ['another member of an object', { name: 'acme' }, { name: 'globex' }],
    ])('differs for: %s', async (_what, one, other) => {
      expect(await sent(as(one), as(other))).toBe(2);
    });

    test.each<[string, unknown]>([
      ['a function', () => 'acme'],
      ['an instance of a class', new URL(url)],
      ['a Date', new Date(0)],
      ['a Map', new Map([['name', 'acme']])],
      ['NaN', Number.NaN],
      ['a bigint', 1n],
      ['a symbol', Symbol.iterator],
      ['an object with a symbol for a member', { [Symbol.iterator]: 'acme' }],
      ['an object with a method', { toJSON: () => 'acme' }],
      ['an object with an absent member', { name: undefined }],
      ['an object with a member that is not enumerable', Object.defineProperty({}, 'name', { value: 'acme' })],
      ['a list with a named member', Object.assign(['a'], { name: 'acme' })],
      ['a list with a hole', Array(1)],
      ['a circular object', circular],
    ])('does not exist for: %s', async (_what, option) => {
      expect(await sent(as(option), as(option))).toBe(2);
    });
  });

  test('keeps its call in flight, however many keys there are', async () => {
    const urls = Array.from({ length: 1_100 }, (_, n) => ({ url: `${url}${n}` }));
    expect(await sent(...urls, ...urls)).toBe(1_100);
  });

  test('is the result of `key`', async () => {
    const { fetch, sent } = stub(
      [dedupe({ key: ({ request }) => request.headers.get('x-key') ?? undefined })],
      async () => {
        await settled();
        return new Response('body');
      },
    );
    const keyed = (key?: string): Promise<Response> =>
      fetch(url, { method: 'POST', ...(key && { headers: { 'x-key': key } }) });
    await Promise.all([keyed('a'), keyed('a'), keyed('b'), keyed(), keyed()]);
    expect(sent).toHaveLength(4);
  });

  test('is overridden for a call by `dedupe: { key }`, and there is none for `dedupe: false`', async () => {
    expect(await sent({ dedupe: { key: () => 'a' } }, { url: `${url}x`, dedupe: { key: () => 'a' } })).toBe(1);
    expect(await sent({}, { dedupe: false }, { dedupe: false }, { dedupe: true }, { dedupe: {} })).toBe(3);
    expect(await sent({ dedupe: { key: () => undefined } }, {})).toBe(2);
  });

  test('counts in one stack only, even if two stacks contain the same policy', async () => {
    const shared = dedupe();
    const as = (name: string): Middleware =>
      async function as(ctx, next) {
        const request = new Request(ctx.request);
        request.headers.set('authorization', name);
        return next({ request });
      };
    const transport: Fetch = async (input) => {
      await settled();
      return new Response((input as Request).headers.get('authorization'));
    };
    const base = createFetch({ use: [shared], fetch: transport });
    const [alice, bob] = ['alice', 'bob'].map((name) => base.extend({ use: [as(name)] }));
    const responses = [alice!(url), bob!(url), alice!(url), bob!(url)];
    expect(await Promise.all(responses.map(async (response) => (await response).text()))).toEqual([
      'alice',
      'bob',
      'alice',
      'bob',
    ]);
  });

  test.each([
    ['dedupe has no option keys; it has key', () => dedupe({ keys: 1 } as never)],
    ['dedupe key must be a function, got "a"', () => dedupe({ key: 'a' as never })],
    ['dedupe must be an object', () => dedupe(null as never)],
  ])('refuses: %s', (message, build) => {
    expect(build).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION', message: expect.stringContaining(message) }),
    );
  });

  test('rejects a call with a bad override, and sends no request', async () => {
    const { fetch, sent } = stub([dedupe()], () => new Response());
    await expect(fetch(url, { dedupe: { key: 1 as never } })).rejects.toMatchObject({ code: 'INVALID_OPTION' });
    expect(sent).toEqual([]);
  });
});
