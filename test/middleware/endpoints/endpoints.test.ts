import {
  budget,
  constant,
  createFetch,
  endpoints,
  hedge,
  memory,
  observe,
  retry,
  timeout,
  TimeoutError,
  type Endpoint,
  type EndpointsOptions,
  type Fetch,
  type KyoaEvent,
} from 'kyoa';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { isNetworkError, isReset } from '../../../src/lib/network-error.ts';
import { silent, stub, watched } from '../../support/call.ts';
import { faultServer, type FaultServer } from '../../support/faults.ts';
import { exitsByItself } from '../../support/sockets.ts';

const url = 'http://api.example/users?q=1#top';
const [a, b, c] = ['http://a.example', 'http://b.example', 'http://c.example'];
const list = [{ url: a }, { url: b }, { url: c }];
const originOf = ({ url }: { readonly url: string }): string => new URL(url).origin;
const networkError = (code?: string): TypeError =>
  code === undefined
    ? new TypeError('Failed to fetch')
    : new TypeError('fetch failed', { cause: Object.assign(new Error(code), { code }) });
const caught = (answer: Promise<unknown>): Promise<unknown> =>
  answer.then(
    () => expect.unreachable('It resolves'),
    (error: unknown) => error,
  );

/** A transport in which each origin has a mood of its own. */
function world(use: Parameters<typeof watched>[0], moods: Record<string, () => Response | Promise<Response>> = {}) {
  const sent: string[] = [];
  const transport: Fetch = async (input) => {
    const origin = originOf(input as Request);
    sent.push(origin);
    return (moods[origin] ?? (() => new Response('fine')))();
  };
  return { sent, moods, ...watched(use, transport) };
}
const fail = (status: number) => (): Response => new Response('no', { status });
const refuse = (code?: string) => (): Response => {
  throw networkError(code);
};
const alwaysFirst = (): number => 0;
/** Numerical Recipes' generator: the same draws in every run. */
const seeded = (seed: number) => (): number => (seed = (seed * 1664525 + 1013904223) % 2 ** 32) / 2 ** 32;
const eager = retry({ backoff: constant(0), budget: false });

describe('endpoints', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  describe('the request', () => {
    test.each([
      ['http://a.example', 'http://a.example/users?q=1#top'],
      ['http://a.example/', 'http://a.example/users?q=1#top'],
      ['https://A.example:8443/v2', 'https://a.example:8443/v2/users?q=1#top'],
      ['https://a.example/v2/', 'https://a.example/v2/users?q=1#top'],
    ])('goes to %s with its path, query and hash', async (base, sentTo) => {
      const { fetch, sent } = stub([endpoints([{ url: base }])], () => new Response());
      await fetch(url);
      expect(sent[0]!.url).toBe(sentTo);
    });

    test('keeps method, headers, credentials, modes and referrer, Authorization included', async () => {
      const { fetch, sent } = stub([endpoints(list)], () => new Response());
      const init = { mode: 'cors', credentials: 'include', cache: 'no-cache', redirect: 'manual' } as const;
      await fetch(url, { ...init, method: 'DELETE', headers: { authorization: 'Bearer t', 'x-a': '1' } });
      expect(sent[0]).toMatchObject({ ...init, method: 'DELETE' });
      expect(Object.fromEntries(sent[0]!.headers)).toEqual({ authorization: 'Bearer t', 'x-a': '1' });
    });

    test('keeps its body, whatever it was made of, also in a retry', async () => {
      const form = new FormData();
      form.append('name', 'value');
      const bodies = ['text', new TextEncoder().encode('bytes'), new Blob(['blob']), new URLSearchParams('p=1'), form];
      const texts: string[] = [];
      for (const body of bodies) {
        const { fetch } = watched([eager, endpoints(list)], async (input) => {
          const request = input as Request;
          texts.push(body === form ? ((await request.formData()).get('name') as string) : await request.text());
          return new Response(null, { status: texts.length % 2 === 1 ? 503 : 200 });
        });
        await fetch(url, { method: 'PUT', body });
      }
      const each = ['text', 'bytes', 'blob', 'p=1', 'value'];
      expect(texts).toEqual(each.flatMap((text) => [text, text]));
    });

    test('keeps the body of a Request of somebody else’s making, short or long, and of a stream', async () => {
      const lengths: number[] = [];
      const { fetch } = watched([endpoints(list)], async (input) => {
        lengths.push((await (input as Request).arrayBuffer()).byteLength);
        return new Response();
      });
      for (const length of [0, 10, 3_000_000])
        await fetch(new Request(url, { method: 'POST', body: new Uint8Array(length) }));
      const stream = new Blob(['a stream']).stream();
      await fetch(url, { method: 'POST', body: stream, duplex: 'half' } as RequestInit);
      expect(lengths).toEqual([0, 10, 3_000_000, 8]);
    });

    test('goes where its URL says with endpoints: false, and when it is no http request', async () => {
      const { fetch, sent } = stub([endpoints(list)], () => new Response());
      await fetch(url, { endpoints: false });
      await fetch('data:,x');
      expect(sent.map((request) => request.url)).toEqual([url, 'data:,x']);
    });
  });

  describe('by weight', () => {
    test.each([
      ['seeded', seeded(7)],
      ['unseeded', Math.random],
    ])('a canary gets its share within 2 points of 10,000 calls, %s', async (_name, random) => {
      const weighted = [
        { url: a, weight: 90 },
        { url: b, weight: 10 },
        { url: c, weight: 0 },
      ];
      const { fetch, sent } = world([endpoints(weighted, { random })]);
      for (let n = 0; n < 10_000; n += 1) await fetch(url);
      const share = (origin: string): number => sent.filter((one) => one === origin).length / 100;
      expect(Math.abs(share(a) - 90)).toBeLessThan(2);
      expect(Math.abs(share(b) - 10)).toBeLessThan(2);
      expect(share(c)).toBe(0);
    });

    test('blue-green: an update moves all calls that begin after it, and leaves those under way alone', async () => {
      const route = endpoints([
        { url: a, weight: 1 },
        { url: b, weight: 0 },
      ]);
      let answer: (response: Response) => void = () => {};
      const { fetch, sent } = world([route], { [a]: () => new Promise((resolve) => (answer = resolve)) });
      const blue = fetch(url);
      await vi.advanceTimersByTimeAsync(0);
      route.update([{ url: b }]);
      for (let n = 0; n < 20; n += 1) await fetch(url);
      answer(new Response('blue'));
      expect(await (await blue).text()).toBe('blue');
      expect(sent).toEqual([a, ...Array.from({ length: 20 }, () => b)]);
      expect(route.snapshot().map((one) => one.url)).toEqual([b]);
    });
  });

  describe('with retry', () => {
    test('a retry goes to another endpoint, until all have been tried', async () => {
      for (let n = 0; n < 20; n += 1) {
        const { fetch, sent } = world([eager, endpoints(list)], { [a]: fail(503), [b]: fail(503), [c]: fail(503) });
        expect((await fetch(url)).status).toBe(503);
        expect(new Set(sent.slice(0, 3)).size).toBe(3);
        expect(sent).toHaveLength(4);
      }
    });

    test('one call does not know what another one tried', async () => {
      const { fetch, sent } = world([endpoints(list, { random: alwaysFirst })]);
      await fetch(url);
      await fetch(url);
      expect(sent).toEqual([a, a]);
    });

    test('what the policy remembers is not in the user’s bag', async () => {
      let state: object | undefined;
      const { fetch } = world([
        async function look(ctx, next) {
          state = ctx.state;
          return next();
        },
        endpoints(list),
      ]);
      await fetch(url);
      expect(Reflect.ownKeys(state!)).toEqual([]);
    });

    test('a hedge’s copy goes to another endpoint', async () => {
      const route = endpoints(list);
      const { fetch, sent } = world([hedge({ delay: 50, budget: budget({ floor: 1_000 }) }), route], {
        [a]: () => new Promise(() => {}),
      });
      for (let n = 0; n < 30; n += 1) {
        sent.length = 0;
        const answer = fetch(url);
        await vi.advanceTimersByTimeAsync(50);
        await (await answer).text();
        expect(new Set(sent).size).toBe(sent.length);
      }
      // Those who lost were aborted, which nobody is blamed for, and are gone, deaf though the transport is.
      expect(route.snapshot().map(({ failures, inFlight }) => [failures, inFlight])).toEqual([
        [0, 0],
        [0, 0],
        [0, 0],
      ]);
    });
  });

  describe('zones', () => {
    const zoned: readonly Endpoint[] = [{ url: a, zone: 'us' }, { url: b, zone: 'eu' }, { url: c }];

    test('a less preferred zone is used only when nobody is available in those before it', async () => {
      const { fetch, sent } = world([eager, endpoints(zoned, { zones: ['eu', 'us'] })], {
        [a]: fail(503),
        [b]: fail(503),
      });
      expect((await fetch(url)).status).toBe(200);
      expect(sent).toEqual([b, a, c]);
    });

    test('an ejected zone is passed over from the first attempt on, and taken again when it is back', async () => {
      const route = endpoints(zoned, { zones: ['eu', 'us'], eject: { failures: 2, for: 1_000 } });
      const { fetch, sent, moods } = world([route], { [b]: fail(500) });
      for (let n = 0; n < 4; n += 1) await fetch(url);
      expect(sent).toEqual([b, b, a, a]);
      moods[b] = fail(200);
      await vi.advanceTimersByTimeAsync(1_000);
      await fetch(url);
      expect(sent.at(-1)).toBe(b);
    });

    test('a call may have its own order of zones, and its own way to pick', async () => {
      const { fetch, sent } = world([endpoints(zoned, { zones: ['eu'] })]);
      await fetch(url, { endpoints: { zones: ['us'] } });
      await fetch(url, { endpoints: { pick: 'fastest' } });
      expect(sent).toEqual([a, b]);
    });
  });

  describe('ejection', () => {
    const two = [{ url: a }, { url: b }];
    const states = (route: ReturnType<typeof endpoints>): string[] => route.snapshot().map(({ state }) => state);

    test.each([
      ['answers of 500 and above', fail(502)],
      ['network errors', refuse('ECONNREFUSED')],
      ['network errors of a browser', refuse()],
    ])('five %s in a row eject, and nobody else is asked until the time is over', async (_name, mood) => {
      const route = endpoints(two, { random: alwaysFirst });
      const { fetch, sent, events } = world([route], { [a]: mood });
      for (let n = 0; n < 5; n += 1) await fetch(url).catch(() => {});
      expect(events.filter(({ type }) => type === 'endpoint.ejected')).toMatchObject([{ url: a, duration: 30_000 }]);
      expect(states(route)).toEqual(['ejected', 'available']);
      await vi.advanceTimersByTimeAsync(29_999);
      await fetch(url);
      expect(sent.at(-1)).toBe(b);
      await vi.advanceTimersByTimeAsync(1);
      expect(states(route)).toEqual(['available', 'available']);
      await fetch(url).catch(() => {});
      expect(sent.at(-1)).toBe(a);
      expect(events.filter(({ type }) => type === 'endpoint.returned')).toMatchObject([{ url: a }]);
    });

    test.each([
      ['inside', (route: ReturnType<typeof endpoints>) => [route, timeout({ headers: 100 })]],
      ['outside', (route: ReturnType<typeof endpoints>) => [timeout({ headers: 100 }), route]],
    ])('so do timeouts, with the limit %s, of a transport that is deaf', async (_name, stack) => {
      const route = endpoints(two, { random: alwaysFirst, eject: { failures: 2 } });
      const { fetch, sent } = world(stack(route), { [a]: () => new Promise(() => {}) });
      for (let n = 0; n < 3; n += 1) {
        const answer = fetch(url).catch((error: unknown) => error);
        await vi.advanceTimersByTimeAsync(100);
        if (n < 2) expect(await answer).toBeInstanceOf(TimeoutError);
      }
      expect(sent).toEqual([a, a, b]);
      expect(route.snapshot()[0]).toMatchObject({ state: 'ejected', inFlight: 0, latency: 100 });
    });

    test('a good answer in between begins the count anew', async () => {
      const route = endpoints(two, { random: alwaysFirst, eject: { failures: 2 } });
      const { fetch, moods } = world([route]);
      for (const status of [500, 200, 500, 404, 500]) {
        moods[a] = fail(status);
        await fetch(url);
      }
      expect(route.snapshot()[0]).toMatchObject({ state: 'available', failures: 1 });
    });

    test.each([
      ['a programming error', new RangeError('oops')],
      ['an error of TLS', networkError('ERR_TLS_CERT_ALTNAME_INVALID')],
    ])('%s is nobody’s failure', async (_name, error) => {
      const route = endpoints(two, { eject: { failures: 1 } });
      const { fetch } = world([route], { [a]: () => Promise.reject(error), [b]: () => Promise.reject(error) });
      for (let n = 0; n < 5; n += 1) expect(await caught(fetch(url))).toBe(error);
      expect(states(route)).toEqual(['available', 'available']);
    });

    test('nor is a caller who leaves', async () => {
      const route = endpoints(two, { eject: { failures: 1 } });
      const { fetch } = watched([route], silent);
      for (const reason of [undefined, new Error('gone')]) {
        const caller = new AbortController();
        const answer = caught(fetch(url, { signal: caller.signal }));
        await vi.advanceTimersByTimeAsync(0);
        caller.abort(reason);
        expect(await answer).toBe(caller.signal.reason);
      }
      expect(route.snapshot().map(({ state, failures, inFlight }) => [state, failures, inFlight])).toEqual([
        ['available', 0, 0],
        ['available', 0, 0],
      ]);
    });

    test('each ejection is longer than the one before, up to ten times, and good conduct is rewarded', async () => {
      const route = endpoints(two, { random: alwaysFirst, eject: { failures: 3, for: 1_000 } });
      const { fetch, events, moods } = world([route], { [a]: fail(500) });
      const ejected = (): unknown[] =>
        events.flatMap((event) => (event.type === 'endpoint.ejected' ? [event.duration] : []));
      for (let n = 0; n < 3; n += 1) await fetch(url);
      for (let time = 1_000; ejected().length < 12; time = Math.min(time + 1_000, 10_000)) {
        await vi.advanceTimersByTimeAsync(time);
        await fetch(url); // on probation: one failure is enough
      }
      const growing = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 10, 10].map((times) => times * 1_000);
      expect(ejected()).toEqual(growing);

      moods[a] = fail(200);
      await vi.advanceTimersByTimeAsync(10_000);
      await fetch(url);
      await vi.advanceTimersByTimeAsync(7_000);
      moods[a] = fail(500);
      for (let n = 0; n < 3; n += 1) await fetch(url);
      expect(ejected().at(-1)).toBe(4_000);
    });

    test('never more than the share is ejected, and one always stays', async () => {
      const five = [1, 2, 3, 4, 5].map((n) => ({ url: `http://${n}.example` }));
      for (const [share, out] of [
        [0, 0],
        [0.2, 1],
        [0.5, 2],
        [0.6, 3],
        [1, 4],
      ] as const) {
        const route = endpoints(five, { eject: { failures: 1, share } });
        const { fetch } = stub([route], () => new Response(null, { status: 500 }));
        for (let n = 0; n < 100; n += 1) await fetch(url);
        expect([share, states(route).filter((state) => state === 'ejected').length]).toEqual([share, out]);
      }
    });

    test('when an update leaves nobody but the ejected, they are used', async () => {
      const route = endpoints(list, { eject: { failures: 1, share: 1 } });
      const { fetch, sent } = world([route], { [a]: fail(500), [b]: fail(500) });
      while (states(route).filter((state) => state === 'ejected').length < 2) await fetch(url);
      route.update([{ url: a }, { url: b }]);
      await fetch(url);
      expect([a, b]).toContain(sent.at(-1));
      expect(states(route)).toContain('available');
      route.update([{ url: b }]);
      await fetch(url);
      expect(sent.at(-1)).toBe(b);
    });

    test('update keeps the state of endpoints that stay and forgets those that go', async () => {
      const route = endpoints(two, { random: alwaysFirst, eject: { failures: 1 } });
      const { fetch, sent } = world([route], { [a]: fail(500) });
      await fetch(url);
      route.update([{ url: `${a}/`, weight: 5, zone: 'eu' }, { url: b }, { url: c }]);
      expect(route.snapshot()[0]).toMatchObject({ url: `${a}/`, weight: 5, zone: 'eu', state: 'ejected' });
      await fetch(url);
      expect(sent.at(-1)).toBe(b);
      route.update([{ url: b }]);
      route.update(two);
      expect(route.snapshot()[0]).toMatchObject({ state: 'available', failures: 0 });
    });

    test('eject: false leaves everybody in', async () => {
      const route = endpoints(two, { eject: false });
      const { fetch } = stub([route], () => new Response(null, { status: 500 }));
      for (let n = 0; n < 50; n += 1) await fetch(url);
      expect(states(route)).toEqual(['available', 'available']);
    });
  });

  describe('the fastest', () => {
    const answerIn = (ms: number) => (): Promise<Response> =>
      new Promise((resolve) => setTimeout(() => resolve(new Response('slowly')), ms));
    const run = async (fetch: (url: string) => Promise<Response>, calls: number): Promise<void> => {
      for (let n = 0; n < calls; n += 1) {
        const answer = fetch(url).then((response) => response.text());
        await vi.runAllTimersAsync();
        await answer;
      }
    };

    test('gets the calls, once everybody is known', async () => {
      const route = endpoints(list, { pick: 'fastest', random: seeded(3) });
      const { fetch, sent } = world([route], { [a]: answerIn(90), [b]: answerIn(10), [c]: answerIn(60) });
      await run(fetch, 200);
      const share = (origin: string): number => sent.filter((one) => one === origin).length / 200;
      expect(share(b)).toBeGreaterThan(0.6); // it is among the two that are drawn in two of three cases
      expect(share(a)).toBeLessThan(0.1);
      const [slow, fast] = route.snapshot();
      expect([slow!.latency, fast!.latency]).toEqual([90, 10]);
    });

    test('is not the one that fails at once', async () => {
      const route = endpoints([{ url: a }, { url: b }], { pick: 'fastest', eject: { failures: 3 } });
      const { fetch, sent } = world([route], { [a]: fail(500), [b]: answerIn(50) });
      await run(fetch, 50);
      expect(sent.filter((one) => one === a).length).toBeLessThan(10);
    });

    test('is asked again after it was slow: what is known of it wears off', async () => {
      const route = endpoints([{ url: a }, { url: b }], { pick: 'fastest' });
      const { fetch, sent, moods } = world([route], { [a]: answerIn(100), [b]: answerIn(50) });
      await run(fetch, 10);
      moods[a] = answerIn(5);
      await vi.advanceTimersByTimeAsync(10_000); // longer than either has been left alone
      sent.length = 0;
      for (let n = 0; n < 60; n += 1) {
        await vi.advanceTimersByTimeAsync(1_000);
        await run(fetch, 1);
      }
      expect(sent.slice(-10).every((one) => one === a)).toBe(true);
    });

    test('is not the one that is busy: a call counts until its body is over', async () => {
      const route = endpoints([{ url: a }, { url: b }], { pick: 'fastest' });
      const { fetch, sent } = world([route]);
      const open = [];
      for (let n = 0; n < 10; n += 1) open.push(await fetch(url));
      expect(sent.filter((one) => one === a)).toHaveLength(5);
      expect(route.snapshot().map(({ inFlight }) => inFlight)).toEqual([5, 5]);
      for (const [n, response] of open.entries()) await (n % 2 === 0 ? response.text() : response.body!.cancel());
      expect(route.snapshot().map(({ inFlight }) => inFlight)).toEqual([0, 0]);
    });

    test('is known from the storage after a restart', async () => {
      const storage = memory();
      const transport = world([], { [a]: answerIn(90), [b]: answerIn(10) }).fetch;
      const open = () =>
        createFetch({ use: [endpoints([{ url: a }, { url: b }], { pick: 'fastest' })], storage, fetch: transport });
      await run(open(), 10);
      await vi.advanceTimersByTimeAsync(1_000);
      const written = [];
      for (const origin of [a, b]) written.push(JSON.parse((await storage.get(`latency endpoint ${origin}`))!.value));
      expect(written.map((samples: number[]) => samples[0])).toEqual([90, 10]);
    });
  });

  describe('when all fail', () => {
    test('the last error has what each endpoint said for a cause', async () => {
      const zoned = list.map((endpoint, n) => ({ ...endpoint, zone: `${n}` }));
      const { fetch } = world(
        [retry({ retries: 2, backoff: constant(0) }), endpoints(zoned, { zones: ['0', '1', '2'] })],
        {
          [a]: fail(503),
          [b]: refuse('ECONNREFUSED'),
          [c]: refuse('ECONNRESET'),
        },
      );
      const error = (await caught(fetch(url))) as TypeError;
      const cause = error.cause as AggregateError;
      expect(error.message).toBe('fetch failed');
      expect(cause).toBeInstanceOf(AggregateError);
      expect(cause.errors.map(({ message }: Error) => message)).toEqual([
        'http://a.example: answered 503',
        'http://b.example: fetch failed (ECONNREFUSED)',
        'http://c.example: fetch failed (ECONNRESET)',
      ]);
      expect(isNetworkError(error)).toBe(true);
    });

    test('the error is the very same one, and no error leads to itself', async () => {
      const last = networkError('ECONNRESET');
      const own = last.cause;
      const zoned = [
        { url: a, zone: '1' },
        { url: b, zone: '2' },
      ];
      const { fetch } = world([retry({ retries: 1, backoff: constant(0) }), endpoints(zoned, { zones: ['1', '2'] })], {
        [a]: refuse('ECONNREFUSED'),
        [b]: () => Promise.reject(last),
      });
      expect(await caught(fetch(url))).toBe(last);
      const cause = last.cause as AggregateError & { code: string };
      expect(cause.code).toBe('ECONNRESET');
      expect(cause.cause).toBe(own);
      expect(cause.errors.map((error: Error) => error.cause)).not.toContain(last);
      expect(isReset(last)).toBe(true);
    });

    test('retry goes on from such an error, also from a browser’s, which has no cause', async () => {
      for (const code of ['ECONNREFUSED', undefined]) {
        const { fetch, sent } = world([eager, endpoints(list)], {
          [a]: refuse(code),
          [b]: refuse(code),
          [c]: refuse(code),
        });
        const error = (await caught(fetch(url))) as Error;
        expect(sent).toHaveLength(4);
        expect((error.cause as AggregateError).errors).toHaveLength(3);
      }
    });

    test('the error of a call that has tried one only is left alone', async () => {
      const last = networkError('ECONNREFUSED');
      const own = last.cause;
      const { fetch } = world([eager, endpoints([{ url: a }])], { [a]: () => Promise.reject(last) });
      expect(await caught(fetch(url))).toBe(last);
      expect(last.cause).toBe(own);
    });

    test('a timeout stays a TimeoutError, and what is frozen stays as it is', async () => {
      const frozen = Object.freeze(networkError('ECONNREFUSED'));
      const { fetch } = world([eager, endpoints(list), timeout({ headers: 10 })], {
        [a]: () => new Promise(() => {}),
        [b]: () => new Promise(() => {}),
        [c]: () => new Promise(() => {}),
      });
      const late = caught(fetch(url));
      await vi.runAllTimersAsync();
      expect(await late).toBeInstanceOf(TimeoutError);
      expect(((await late) as Error).cause).toBeInstanceOf(AggregateError);
      const other = world([eager, endpoints(list)], {
        [a]: () => Promise.reject(frozen),
        [b]: () => Promise.reject(frozen),
        [c]: () => Promise.reject(frozen),
      });
      expect(await caught(other.fetch(url))).toBe(frozen);
    });
  });

  test.each<[string, unknown, unknown]>([
    ['endpoints', [], {}],
    ['endpoints', 'http://a.example', {}],
    ['endpoints', [{ url: a, weight: 0 }], {}],
    ['endpoints url', [{ url: '/relative' }], {}],
    ['endpoints url', [{}], {}],
    ['endpoints url', [{ url: 'ftp://a.example' }], {}],
    ['endpoints url', [{ url: 'http://u:p@a.example' }], {}],
    ['endpoints url', [{ url: 'http://a.example/?q' }], {}],
    ['endpoints url', [{ url: 'http://a.example/?q=1' }], {}],
    ['endpoints url', [{ url: a }, { url: `${a}/` }], {}],
    ['endpoints weight', [{ url: a, weight: -1 }], {}],
    ['endpoints weight', [{ url: a, weight: NaN }], {}],
    ['endpoints weight', [{ url: a, weight: Infinity }], {}],
    ['endpoints zone', [{ url: a, zone: '' }], {}],
    ['endpoints endpoint has no option wait', [{ url: a, wait: 1 }], {}],
    ['endpoints pick', list, { pick: 'first' }],
    ['endpoints zones', list, { zones: 'eu' }],
    ['endpoints zones', list, { zones: [1] }],
    ['endpoints random', list, { random: 0.5 }],
    ['endpoints eject', list, { eject: true }],
    ['endpoints eject failures', list, { eject: { failures: 0 } }],
    ['endpoints eject for', list, { eject: { for: 0 } }],
    ['endpoints eject share', list, { eject: { share: 50 } }],
    ['endpoints eject has no option times', list, { eject: { times: 2 } }],
    ['endpoints has no option ejct', list, { ejct: {} }],
  ])('INVALID_OPTION names %s: %j %j', (name, given, options) => {
    expect(() => endpoints(given as Endpoint[], options as EndpointsOptions)).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION', message: expect.stringContaining(name) as string }),
    );
  });

  test('a bad update changes nothing, a bad override fails its call', async () => {
    const route = endpoints(list);
    expect(() => route.update([])).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }));
    expect(route.snapshot()).toHaveLength(3);
    const { fetch } = world([route]);
    const override = { eject: false } as never;
    expect(await caught(fetch(url, { endpoints: override }))).toMatchObject({ code: 'INVALID_OPTION' });
  });
});

describe('endpoints on the wire', () => {
  const servers: FaultServer[] = [];
  const open = async (count: number): Promise<FaultServer[]> => {
    for (let n = 0; n < count; n += 1) servers.push(await faultServer());
    return servers;
  };
  afterEach(async () => {
    await Promise.all(servers.splice(0).map((server) => server.close()));
  });
  const everywhere = (): Endpoint[] => servers.map(({ origin }) => ({ url: origin }));
  const calls = async (fetch: (url: string) => Promise<Response>, count: number, midway?: () => void) => {
    let made = 0;
    const statuses: number[] = [];
    await Promise.all(
      Array.from({ length: 16 }, async () => {
        while (made < count) {
          made += 1;
          if (made === count / 2) midway?.();
          const response = await fetch('http://service.internal/ok?size=100');
          await response.text();
          statuses.push(response.status);
        }
      }),
    );
    return statuses;
  };

  test('an endpoint that dies costs a caller with retry no failed call', async () => {
    const [first, second, third] = await open(3);
    const events: KyoaEvent[] = [];
    const route = endpoints(everywhere());
    const fetch = createFetch({
      use: [observe((event) => events.push(event)), retry({ backoff: constant(1) }), route],
    });
    let closed: Promise<void> | undefined;
    const statuses = await calls(fetch, 600, () => (closed = first!.close()));
    await closed;
    servers.splice(0, 1);
    expect(statuses).toHaveLength(600);
    expect(new Set(statuses)).toEqual(new Set([200]));
    expect(events.filter(({ type }) => type === 'endpoint.ejected')).toMatchObject([{ url: first!.origin }]);
    // Nothing is sent twice but what the dead one left unanswered.
    const answered = events.filter((event) => event.type === 'attempt.answered').length;
    expect(first!.count() + second!.count() + third!.count()).toBeGreaterThanOrEqual(answered);
    expect(second!.count() + third!.count()).toBeGreaterThan(300);
    expect(route.snapshot().map(({ state, inFlight }) => [state, inFlight])).toEqual([
      ['ejected', 0],
      ['available', 0],
      ['available', 0],
    ]);
  });

  test('an endpoint that answers 503 for a while is left alone, and served again when it is back', async () => {
    const [first] = await open(2);
    const route = endpoints(everywhere(), { eject: { failures: 3, for: 100 } });
    const fetch = createFetch({ use: [retry({ backoff: constant(1), budget: false }), route] });
    first!.outage = 503;
    expect(new Set(await calls(fetch, 200))).toEqual(new Set([200]));
    expect(first!.count()).toBeLessThan(60);
    first!.outage = false;
    const before = first!.count();
    await vi.waitFor(async () => {
      await calls(fetch, 20);
      expect(first!.count()).toBeGreaterThan(before);
    });
  });

  test('the list changes while calls run, and every call is answered', async () => {
    const [first, second, third] = await open(3);
    const route = endpoints([{ url: first!.origin }, { url: second!.origin }]);
    const fetch = createFetch({ use: [route] });
    let movedAt = 0;
    const statuses = await calls(fetch, 400, () => {
      route.update([{ url: third!.origin }]);
      movedAt = third!.count();
    });
    expect(new Set(statuses)).toEqual(new Set([200]));
    expect(movedAt).toBe(0);
    expect(first!.count() + second!.count() + third!.count()).toBe(400);
    expect(third!.count()).toBeGreaterThan(150);
    expect(route.snapshot()).toMatchObject([{ url: third!.origin, inFlight: 0, state: 'available' }]);
  });

  test('a body is with its endpoint until it is read', async () => {
    const [first] = await open(1);
    const route = endpoints(everywhere());
    const fetch = createFetch({ use: [route] });
    const response = await fetch('http://service.internal/ok', { method: 'POST', body: 'hello' });
    expect(route.snapshot()[0]).toMatchObject({ inFlight: 1 });
    expect(await response.json()).toMatchObject({ method: 'POST', body: 'hello', path: '/ok' });
    expect(response.url).toBe(first!.url('/ok'));
    expect(route.snapshot()[0]).toMatchObject({ inFlight: 0 });
    // With a length, as if it had gone there directly.
    expect(first!.last!.headers).toMatchObject({ 'content-length': '5' });
    await (await fetch(new Request('http://service.internal/ok', { method: 'POST', body: 'hello' }))).text();
    expect(first!.last!.headers).toMatchObject({ 'content-length': '5' });
  });

  test('leaves nothing behind that keeps a process alive', async () => {
    const [first] = await open(2);
    const { code, stderr } = await exitsByItself(`
      import { createFetch, endpoints, retry } from './src/index.ts';
      const route = endpoints(${JSON.stringify(everywhere())}, { pick: 'fastest' });
      const fetch = createFetch({ use: [retry(), route] });
      for (let n = 0; n < 10; n += 1) await (await fetch('http://service.internal/ok')).text();
    `);
    expect([code, stderr]).toEqual([0, '']);
    expect(first!.count()).toBeGreaterThan(0);
  });
});
