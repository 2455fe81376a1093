import { endpoints, timeout, TimeoutError } from 'kyoa';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { silent, stub, watched } from '../../support/call.ts';
import { networkError, url } from '../../support/http.ts';
import { reasonOf } from '../../support/promises.ts';
import { a, alwaysFirst, b, byOrigin, c, hang, list, refuse, respondWith } from './transports.ts';

describe('endpoints', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  const two = [{ url: a }, { url: b }];
  const states = (route: ReturnType<typeof endpoints>): string[] => route.snapshot().map(({ state }) => state);

  test.each([
    ['responses of 500 and above', respondWith(502)],
    ['network errors', refuse('ECONNREFUSED')],
    ['network errors of a browser', refuse()],
  ])(
    'ejects an endpoint after five %s in a row, and sends it nothing until the ejection ends',
    async (_name, respond) => {
      const route = endpoints(two, { random: alwaysFirst });
      const { fetch, sent, events } = byOrigin([route], { [a]: respond });
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
    },
  );

  test.each([
    ['inside', (route: ReturnType<typeof endpoints>) => [route, timeout({ headers: 100 })]],
    ['outside', (route: ReturnType<typeof endpoints>) => [timeout({ headers: 100 }), route]],
  ])(
    'counts a timeout as a failure, with the limit %s, even if the transport ignores its signal',
    async (_name, stack) => {
      const route = endpoints(two, { random: alwaysFirst, eject: { failures: 2 } });
      const { fetch, sent } = byOrigin(stack(route), { [a]: hang });
      for (let n = 0; n < 3; n += 1) {
        const settled = fetch(url).catch((error: unknown) => error);
        await vi.advanceTimersByTimeAsync(100);
        if (n < 2) expect(await settled).toBeInstanceOf(TimeoutError);
      }
      expect(sent).toEqual([a, a, b]);
      expect(route.snapshot()[0]).toMatchObject({ state: 'ejected', inFlight: 0, latency: 100 });
    },
  );

  test('counts from 0 again after a good response', async () => {
    const route = endpoints(two, { random: alwaysFirst, eject: { failures: 2 } });
    const { fetch, origins } = byOrigin([route]);
    for (const status of [500, 200, 500, 404, 500]) {
      origins[a] = respondWith(status);
      await fetch(url);
    }
    expect(route.snapshot()[0]).toMatchObject({ state: 'available', failures: 1 });
  });

  test.each([
    ['a programming error', new RangeError('oops')],
    ['an error of TLS', networkError('ERR_TLS_CERT_ALTNAME_INVALID')],
  ])('counts %s as no failure', async (_name, error) => {
    const route = endpoints(two, { eject: { failures: 1 } });
    const { fetch } = byOrigin([route], { [a]: () => Promise.reject(error), [b]: () => Promise.reject(error) });
    for (let n = 0; n < 5; n += 1) expect(await reasonOf(fetch(url))).toBe(error);
    expect(states(route)).toEqual(['available', 'available']);
  });

  test('counts an abort by the caller as no failure', async () => {
    const route = endpoints(two, { eject: { failures: 1 } });
    const { fetch } = watched([route], silent);
    for (const given of [undefined, new Error('gone')]) {
      const caller = new AbortController();
      const reason = reasonOf(fetch(url, { signal: caller.signal }));
      await vi.advanceTimersByTimeAsync(0);
      caller.abort(given);
      expect(await reason).toBe(caller.signal.reason);
    }
    expect(route.snapshot().map(({ state, failures, inFlight }) => [state, failures, inFlight])).toEqual([
      ['available', 0, 0],
      ['available', 0, 0],
    ]);
  });

  test('makes each ejection longer, up to ten times, and shorter again after good responses', async () => {
    const route = endpoints(two, { random: alwaysFirst, eject: { failures: 3, for: 1_000 } });
    const { fetch, events, origins } = byOrigin([route], { [a]: respondWith(500) });
    const ejected = (): unknown[] =>
      events.flatMap((event) => (event.type === 'endpoint.ejected' ? [event.duration] : []));
    for (let n = 0; n < 3; n += 1) await fetch(url);
    for (let time = 1_000; ejected().length < 12; time = Math.min(time + 1_000, 10_000)) {
      await vi.advanceTimersByTimeAsync(time);
      await fetch(url); // after an ejection one failure is enough
    }
    const growing = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 10, 10].map((times) => times * 1_000);
    expect(ejected()).toEqual(growing);

    origins[a] = respondWith(200);
    await vi.advanceTimersByTimeAsync(10_000);
    await fetch(url);
    await vi.advanceTimersByTimeAsync(7_000);
    origins[a] = respondWith(500);
    for (let n = 0; n < 3; n += 1) await fetch(url);
    expect(ejected().at(-1)).toBe(4_000);
  });

  test('ejects no more than the share, and never the last endpoint', async () => {
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

  test('uses ejected endpoints when an update leaves no other', async () => {
    const route = endpoints(list, { eject: { failures: 1, share: 1 } });
    const { fetch, sent } = byOrigin([route], { [a]: respondWith(500), [b]: respondWith(500) });
    while (states(route).filter((state) => state === 'ejected').length < 2) await fetch(url);
    route.update([{ url: a }, { url: b }]);
    await fetch(url);
    expect([a, b]).toContain(sent.at(-1));
    expect(states(route)).toContain('available');
    route.update([{ url: b }]);
    await fetch(url);
    expect(sent.at(-1)).toBe(b);
  });

  test('keeps the state of endpoints that stay in an update, and forgets the others', async () => {
    const route = endpoints(two, { random: alwaysFirst, eject: { failures: 1 } });
    const { fetch, sent } = byOrigin([route], { [a]: respondWith(500) });
    await fetch(url);
    route.update([{ url: `${a}/`, weight: 5, zone: 'eu' }, { url: b }, { url: c }]);
    expect(route.snapshot()[0]).toMatchObject({ url: `${a}/`, weight: 5, zone: 'eu', state: 'ejected' });
    await fetch(url);
    expect(sent.at(-1)).toBe(b);
    route.update([{ url: b }]);
    route.update(two);
    expect(route.snapshot()[0]).toMatchObject({ state: 'available', failures: 0 });
  });

  test('ejects no endpoint with eject: false', async () => {
    const route = endpoints(two, { eject: false });
    const { fetch } = stub([route], () => new Response(null, { status: 500 }));
    for (let n = 0; n < 50; n += 1) await fetch(url);
    expect(states(route)).toEqual(['available', 'available']);
  });
});
