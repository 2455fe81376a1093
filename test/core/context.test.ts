import { runInNewContext } from 'node:vm';
import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { memory } from '../../adapters/storage/memory.ts';
import { fork, notify, type Fork } from '../../src/core/context.ts';
import { requestOf } from '../../src/core/engine/lazy-request.ts';
import type { KyoaEvent, Listener } from '../../src/core/events.ts';
import { contextOf } from '../support/context.ts';

const uuid4 = /^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/;

describe('context', () => {
  beforeEach(() => {
    vi.useFakeTimers({ now: 1_700_000_000_000 });
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.restoreAllMocks();
    vi.unstubAllGlobals();
  });

  test('starts as the first attempt, without deadline and observers', () => {
    const signal = new AbortController().signal;
    const ctx = contextOf({ signal });
    expect(ctx).toMatchObject({ attempt: 1, deadline: undefined, observers: [], side: 'client', state: {} });
    expect(ctx.signal).toBe(signal);
  });

  test('has the options, storage, side and stack of its call, and the members of init that the transport takes', () => {
    const call = {
      options: { retry: 2 },
      transport: { priority: 'low' },
      storage: memory(),
      side: 'server',
      stack: [],
    } as const;
    const ctx = contextOf(call);
    for (const of of [ctx, fork(ctx, {})]) {
      expect(of.options).toBe(call.options);
      expect(of.init).toEqual({ priority: 'low' });
      expect(of.storage).toBe(call.storage);
      expect(of.side).toBe('server');
      expect(of.stack).toBe(call.stack);
    }
  });

  test('forks with the changed members, and never changes its parent', () => {
    const parent = contextOf();
    const before = { ...parent, request: parent.request, signal: parent.signal };
    const changes = {
      request: new Request('http://api.example/other'),
      signal: new AbortController().signal,
      deadline: 1_000,
      attempt: 2,
      observers: [() => {}],
    };
    const child = fork(parent, changes);
    for (const member of Object.keys(changes) as (keyof typeof changes)[]) {
      expect(child[member]).toBe(changes[member]);
      expect(parent[member]).toBe(before[member]);
    }
  });

  test.for<keyof Fork>(['url', 'headers', 'body', 'request', 'signal', 'deadline', 'attempt', 'observers'])(
    'keeps the %s in a fork that does not change it',
    (member) => {
      const parent = fork(contextOf(), { deadline: 1_000, attempt: 2, observers: [() => {}] });
      for (const child of [fork(parent, {}), fork(parent, { [member]: undefined })]) {
        if (member === 'headers') expect([...child.headers]).toEqual([...parent.headers]);
        else expect(child[member]).toBe(parent[member]);
      }
    },
  );

  test('shares its state with all forks of the call, and with no other call', () => {
    const ctx = contextOf();
    fork(fork(ctx, { attempt: 2 }), { attempt: 3 }).state['user'] = 'ada';
    expect(ctx.state).toEqual({ user: 'ada' });
    expect(contextOf().state).toEqual({});
  });

  test('has the requestId of the caller as its id, in every fork', () => {
    const ctx = contextOf({ options: { requestId: 'order-42' } });
    expect([ctx.id, fork(ctx, { attempt: 2 }).id]).toEqual(['order-42', 'order-42']);
  });

  test('has a fresh UUID as its id without one, the same in every fork', () => {
    const ctx = contextOf();
    const child = fork(ctx, { attempt: 2 });
    expect(child.id).toMatch(uuid4); // the child creates the id
    expect(ctx.id).toBe(child.id);
    expect(fork(child, {}).id).toBe(child.id);
    expect(contextOf().id).not.toBe(ctx.id);
  });

  test('creates a UUID without crypto.randomUUID, which a page on plain http does not have', () => {
    const { crypto } = globalThis;
    vi.stubGlobal('crypto', { getRandomValues: crypto.getRandomValues.bind(crypto) });
    const ids = Array.from({ length: 200 }, () => contextOf().id);
    for (const id of ids) expect(id).toMatch(uuid4);
    expect(new Set(ids).size).toBe(200);
  });

  test.for([['', '""'] as const, [42, '42'] as const, [null, 'null'] as const, [{}, '{}'] as const])(
    'throws for %o as a requestId',
    ([requestId, shown]) => {
      expect(() => contextOf({ options: { requestId } })).toThrow(
        expect.objectContaining({
          code: 'INVALID_OPTION',
          message: `requestId must be a string that is not empty, got ${shown}`,
        }),
      );
    },
  );

  test('emits an event to each observer, with id and time', () => {
    const received: [string, KyoaEvent][] = [];
    const observers = [
      (event: KyoaEvent) => received.push(['outer', event]),
      (event: KyoaEvent) => received.push(['inner', event]),
    ];
    const ctx = fork(contextOf({ options: { requestId: 'order-42' } }), { observers });
    ctx.emit({ type: 'attempt.answered', attempt: 1, status: 200, duration: 12 });
    const event = {
      type: 'attempt.answered',
      attempt: 1,
      status: 200,
      duration: 12,
      id: 'order-42',
      time: 1_700_000_000_000,
    };
    expect(received).toEqual([
      ['outer', event],
      ['inner', event],
    ]);
  });

  test('emits the events of a middleware of the user', () => {
    const received: KyoaEvent[] = [];
    const ctx = fork(contextOf(), { observers: [(event) => received.push(event)] });
    ctx.emit({ type: 'cache.missed', key: 'k' });
    expect(received).toMatchObject([{ type: 'cache.missed', key: 'k', id: ctx.id }]);
  });

  test('creates no event without an observer', () => {
    const drawn = vi.spyOn(crypto, 'randomUUID');
    const key = vi.fn<() => string>(() => 'k');
    const read = vi.spyOn(Date, 'now');
    const fact = {
      type: 'cache.missed',
      get key() {
        return key();
      },
    } as const;
    contextOf().emit(fact);
    expect([drawn, key, read].map((spy) => spy.mock.calls.length)).toEqual([0, 0, 0]);
  });

  test('reports a listener that throws, and emits to the others', () => {
    const reported = vi.spyOn(console, 'error').mockImplementation(() => {});
    const mistake = new Error('a mistake');
    const received: string[] = [];
    const observers: Listener[] = [
      () => {
        throw mistake;
      },
      ({ type }) => received.push(type),
    ];
    fork(contextOf(), { observers }).emit({ type: 'cache.missed' });
    expect(received).toEqual(['cache.missed']);
    expect(reported).toHaveBeenCalledExactlyOnceWith('kyoa: a listener threw', mistake);
  });

  test.each<[string, (mistake: Error) => unknown]>([
    ['a promise', async (mistake) => Promise.reject(mistake)],
    ['a promise of another realm', (mistake) => runInNewContext('Promise.reject(mistake)', { mistake })],
  ])('reports a listener that rejects, with %s', async (_, reject) => {
    const reported = vi.spyOn(console, 'error').mockImplementation(() => {});
    const mistake = new Error('a mistake');
    const event = { type: 'cache.missed', id: '1', time: 0 } as unknown as KyoaEvent;
    notify(() => reject(mistake) as never, event);
    await vi.waitFor(() => expect(reported).toHaveBeenCalledExactlyOnceWith('kyoa: a listener threw', mistake));
  });
});

describe('context', () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  const post = (): Request => new Request('http://api.example/a?b=1', { method: 'POST', headers: { 'X-Key': 'k' } });

  test('has the parts of its request without creating a Request', () => {
    const create = vi.spyOn(globalThis, 'Request');
    const init = { method: 'POST', headers: { 'X-Key': 'k' }, body: 'text', redirect: 'manual', mode: 'cors' } as const;
    const ctx = contextOf({ request: requestOf('http://api.example/a?b=1', init), transport: { priority: 'low' } });
    expect([ctx.method, ctx.url, ctx.header('x-key'), ctx.header('x-other')]).toEqual([
      'POST',
      'http://api.example/a?b=1',
      'k',
      null,
    ]);
    expect([...ctx.headers]).toEqual([['x-key', 'k']]);
    expect(ctx.body).toBe('text');
    expect(ctx.init).toEqual({ redirect: 'manual', priority: 'low' });
    expect(create).not.toHaveBeenCalled();
    expect(ctx.request).toBeInstanceOf(Request);
    expect(create).toHaveBeenCalledOnce();
  });

  test('forks with other parts of the request, without creating a Request', () => {
    const create = vi.spyOn(globalThis, 'Request');
    const init = { method: 'POST', headers: { a: '1' }, body: 'text', redirect: 'manual' } as const;
    const parent = contextOf({ request: requestOf('http://api.example/', init) });
    const child = fork(parent, {
      url: 'http://api.example/other',
      headers: { b: '2' },
      body: 'another',
      init: { redirect: 'error', cache: 'no-store' },
    });
    expect([child.method, child.url, child.body]).toEqual(['POST', 'http://api.example/other', 'another']);
    expect([...child.headers]).toEqual([
      ['a', '1'],
      ['b', '2'],
    ]);
    expect(child.init).toEqual({ redirect: 'error', cache: 'no-store' });
    expect([parent.url, parent.body, [...parent.headers], parent.init]).toEqual([
      'http://api.example/',
      'text',
      [['a', '1']],
      { redirect: 'manual' },
    ]);
    expect(create).not.toHaveBeenCalled();
  });

  test('forks with changes of a Request that replaces its own', async () => {
    const request = new Request('http://b.example/', { method: 'PUT', headers: { a: '1' } });
    const ctx = fork(contextOf(), { request, headers: { b: '2' }, body: 'text' });
    expect([ctx.method, ctx.url, ctx.header('a'), ctx.header('b')]).toEqual(['PUT', 'http://b.example/', '1', '2']);
    expect(await ctx.request.text()).toBe('text');
    expect(request.headers.has('b')).toBe(false);
  });

  test('reads the headers of its Request, in any case', () => {
    const ctx = contextOf({ request: post() });
    expect([ctx.method, ctx.url, ctx.header('x-key')]).toEqual(['POST', 'http://api.example/a?b=1', 'k']);
  });

  test('reports whether its branch has aborted, and the reason', () => {
    const controller = new AbortController();
    const ctx = contextOf({ signal: controller.signal });
    const listener = vi.fn();
    ctx.onAbort(listener);
    expect(ctx.aborted).toBe(false);
    controller.abort('bored');
    expect([ctx.aborted, ctx.reason]).toEqual([true, 'bored']);
    expect(listener.mock.calls).toEqual([['bored']]);
    ctx.onAbort(listener);
    expect(listener).toHaveBeenCalledTimes(2);
  });

  test('aborts its children with itself, and is never aborted by a child', () => {
    const controller = new AbortController();
    const ctx = contextOf({ signal: controller.signal });
    const [one, other] = [ctx.child(), ctx.child()];
    one.abort('lost');
    expect([one.signal.reason, other.signal.aborted, ctx.aborted]).toEqual(['lost', false, false]);
    controller.abort('bored');
    expect([one.signal.reason, other.signal.reason]).toEqual(['lost', 'bored']);
  });

  test('accepts an AbortController of the platform as its signal', () => {
    const controller = new AbortController();
    const ctx = fork(contextOf(), { signal: controller });
    controller.abort('bored');
    expect(ctx.reason).toBe('bored');
    expect(ctx.signal).toBe(controller.signal);
  });

  test('merges the headers of a fork over its own', async () => {
    const request = new Request(post(), { body: 'text' });
    const ctx = fork(contextOf({ request }), { headers: { 'x-key': undefined, 'X-New': 'n' } });
    expect([ctx.header('x-key'), ctx.header('x-new'), ctx.method]).toEqual([null, 'n', 'POST']);
    expect(await ctx.request.text()).toBe('text');
  });

  test('does not listen to the signal of a fork unless inner code does', () => {
    const { signal } = new AbortController();
    const ctx = fork(contextOf(), { signal });
    expect([ctx.signal, ctx.aborted, getEventListeners(signal, 'abort').length]).toEqual([signal, false, 0]);
    ctx.child();
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
  });

  test('keeps its own signal for a fork whose signal is null', () => {
    const ctx = contextOf();
    expect(fork(ctx, { signal: null as never }).signal).toBe(ctx.signal);
  });
});
