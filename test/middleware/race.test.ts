import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { constant, createFetch, observe, race, retry, timeout, type KyoaEvent } from '../../src/index.ts';
import { isNetworkError } from '../../src/lib/outcome.ts';
import { stub, watched } from '../support/call.ts';
import { faultServer, type FaultServer } from '../support/faults.ts';
import { networkError } from '../support/http.ts';
import { delayed, reasonOf } from '../support/promises.ts';
import { expectQuiet } from '../support/sockets.ts';

const bases = ['https://eu.example', 'https://us.example/v2/', new URL('https://asia.example')];

describe('race', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    expect(vi.getTimerCount()).toBe(0);
    vi.useRealTimers();
  });

  /** A race whose endpoints, in order, each respond with a status or fail with an error, after so many ms. */
  const among = (...outcomes: readonly [ms: number, outcome: number | Error][]) =>
    stub([race(bases)], async (copy) => {
      const [ms, outcome] = outcomes[copy - 1]!;
      await delayed(undefined, ms);
      if (typeof outcome !== 'number') throw outcome;
      return new Response(`copy ${copy}`, { status: outcome });
    });

  test('sends to all endpoints at once, in place of the origin and before the path, and returns the first good response', async () => {
    const { fetch, sent, signals, events } = among([300, 200], [20, 200], [100, 200]);
    const pending = fetch('https://api.example/users/7?page=2', { headers: { accept: 'text/x' } });
    await vi.runAllTimersAsync();
    expect(await (await pending).text()).toBe('copy 2');
    expect(sent.map(({ url }) => url)).toEqual([
      'https://eu.example/users/7?page=2',
      'https://us.example/v2/users/7?page=2',
      'https://asia.example/users/7?page=2',
    ]);
    expect(sent.every(({ headers }) => headers.get('accept') === 'text/x')).toBe(true);
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, false, true]);
    expect(events.flatMap((event) => (event.type === 'attempt.sent' ? [event.attempt] : []))).toEqual([1, 2, 3]);
    expect(events).toContainEqual(expect.objectContaining({ type: 'race.won', url: 'https://us.example/v2' }));
  });

  test('does not return a failure while another endpoint is running', async () => {
    const { fetch } = among([10, 503], [20, networkError('ECONNREFUSED')], [90, 404]);
    const pending = fetch('https://api.example/');
    await vi.runAllTimersAsync();
    expect(await (await pending).text()).toBe('copy 3');
  });

  test('returns, if all fail, the first response in the order of the list, with a readable body', async () => {
    const { fetch, events } = among([10, networkError('ECONNRESET')], [60, 503], [20, 500]);
    const pending = fetch('https://api.example/');
    await vi.runAllTimersAsync();
    expect((await pending).status).toBe(503);
    expect(await (await pending).text()).toBe('copy 2');
    expect(events.map(({ type }) => type)).not.toContain('race.won');
  });

  test('rejects, if none responds, with the error of the first endpoint, whose cause has the errors of all', async () => {
    const first = networkError('ECONNREFUSED');
    const { fetch } = among([50, first], [10, networkError('ENOTFOUND')], [20, new RangeError('oops')]);
    const failed = reasonOf(fetch('https://api.example/'));
    await vi.runAllTimersAsync();
    const error = (await failed) as Error;
    expect(error).toBe(first);
    expect(error.cause).toBeInstanceOf(AggregateError);
    expect((error.cause as AggregateError).message).toBe(
      'https://eu.example: fetch failed (ECONNREFUSED); https://us.example/v2: fetch failed (ENOTFOUND); https://asia.example: oops',
    );
    expect(isNetworkError(error)).toBe(true);
  });

  test('sends a method that is not safe to the first endpoint alone, unless it is listed', async () => {
    for (const [methods, sentTo] of [
      [undefined, 1],
      [['post'], 3],
    ] as const) {
      let send!: () => void;
      const all = new Promise<void>((resolve) => (send = resolve)); // an earlier response would end the race
      const { fetch, sent } = stub([race(bases, methods && { methods })], async (copy) => {
        if (copy === sentTo) send();
        await all;
        return new Response();
      });
      await fetch('https://api.example/orders', { method: 'POST', body: 'order' });
      expect(sent.map(({ url }) => url)).toHaveLength(sentTo);
      expect(sent[0]!.url).toBe('https://eu.example/orders');
      expect(await Promise.all(sent.map((request) => request.text()))).toEqual(
        Array.from({ length: sentTo }, () => 'order'),
      );
    }
  });

  test('leaves the error of a single endpoint as it is', async () => {
    const error = networkError('ECONNREFUSED');
    const { cause } = error;
    const { fetch } = stub([race(['https://eu.example'])], () => {
      throw error;
    });
    await expect(fetch('https://api.example/')).rejects.toBe(error);
    expect(error.cause).toBe(cause);
  });

  test('sends nothing when the caller aborts while the copies are being prepared', async () => {
    const leaving = new AbortController();
    const { fetch, sent, types } = stub([race(bases)], () => new Response());
    const error = reasonOf(fetch('https://api.example/', { signal: leaving.signal }));
    leaving.abort('gone');
    expect(await error).toBe('gone');
    await vi.runAllTimersAsync();
    expect([sent.length, types().includes('attempt.sent')]).toEqual([0, false]);
  });

  test('passes a URL that is not of http through', async () => {
    const { fetch, sent } = stub([race(bases)], () => new Response());
    await fetch('data:,x');
    expect(sent.map(({ url }) => url)).toEqual(['data:,x']);
  });

  test('can be switched off, or be given another `when`, for a call', async () => {
    const { fetch, sent } = stub(
      [race(bases)],
      (copy) => new Response(String(copy), { status: copy === 1 ? 404 : 200 }),
    );
    await fetch('https://api.example/', { race: false });
    expect(sent.map(({ url }) => url)).toEqual(['https://api.example/']);
    const { fetch: other } = stub(
      [race(bases)],
      (copy) => new Response(String(copy), { status: copy === 1 ? 404 : 200 }),
    );
    const response = await other('https://api.example/', { race: { when: ({ response }) => response?.ok !== true } });
    expect(await response.text()).toBe('2');
  });

  test.each([
    ['race urls must be a list, got "https://a.example"', () => race('https://a.example' as never)],
    ['race urls must be a list with at least one URL', () => race([])],
    ['race urls must be http URLs without credentials, query and hash, got "/v2"', () => race(['/v2'])],
    ['race urls must be http URLs without', () => race(['https://user:pass@a.example'])],
    ['race has no option url; it has methods, when', () => race(bases, { url: 1 } as never)],
    ['race when must be a function', () => race(bases, { when: 500 as never })],
  ])('refuses invalid options: %s', (message, build) => {
    expect(build).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION', message: expect.stringContaining(message) }),
    );
  });
});

describe('race on real servers', () => {
  let slow: FaultServer;
  let fast: FaultServer;
  beforeAll(async () => {
    slow = await faultServer();
    fast = await faultServer();
  });
  afterEach(async () => {
    for (const server of [slow, fast]) {
      await expectQuiet(server);
      server.reset();
    }
  });
  afterAll(async () => {
    await slow.close();
    await fast.close();
  });

  test('aborts an endpoint that hangs, and keeps the winner’s body readable', async () => {
    slow.outage = 'hang';
    const fetch = createFetch({ use: [timeout(5_000), race([slow.origin, fast.origin])] });
    const response = await fetch('http://api.example/drip/body?chunks=8&gap=15&size=50');
    await slow.until(({ aborted }) => aborted.length === 1);
    expect(response.url).toContain(fast.origin);
    let length = 0;
    for await (const chunk of response.body!) length += chunk.byteLength;
    expect(length).toBe(400);
    expect([slow.count(), fast.count()]).toEqual([1, 1]);
  });

  test('aborts all copies with the caller’s abort, before the response and during the body', async () => {
    for (const path of ['/blackhole', '/stall/body']) {
      const leaving = new AbortController();
      const fetch = createFetch({ use: [race([slow.origin, fast.origin])] });
      const error = reasonOf(
        fetch(`http://api.example${path}`, { signal: leaving.signal }).then((response) => response.text()),
      );
      await fast.until(({ requests }) => requests.length === 1);
      await slow.until(({ requests }) => requests.length === 1);
      leaving.abort({ why: 'enough' });
      expect(await error).toEqual({ why: 'enough' });
      for (const server of [slow, fast]) {
        await server.until(({ aborted }) => aborted.length === 1);
        server.reset();
      }
    }
  });

  test('sends to all endpoints again with a retry', async () => {
    const { fetch } = watched([retry({ backoff: constant(1) }), race([slow.origin, fast.origin, fast.refused])]);
    const response = await fetch(`http://api.example/sequence?statuses=503,200&delay=30&id=${crypto.randomUUID()}`);
    expect(response.status).toBe(200);
    await response.text();
    expect(slow.count()).toBe(2);
    expect(fast.count()).toBe(2);
  });

  test('sends a body of unknown source whole to all endpoints, a long one and a stream to the first alone', async () => {
    const events: KyoaEvent[] = [];
    const fetch = createFetch({
      use: [observe((event) => events.push(event)), race([slow.origin, fast.origin], { methods: ['PUT'] })],
    });
    const put = (body: BodyInit): Request =>
      new Request('http://api.example/ok?delay=30', { method: 'PUT', body, duplex: 'half' } as RequestInit);
    await (await fetch(put('mine'))).text();
    await slow.until(({ requests }) => requests[0]?.body.toString() === 'mine');
    await fast.until(({ requests }) => requests[0]?.body.toString() === 'mine');
    for (const body of [new Uint8Array(3 << 20), new Blob(['streamed']).stream()]) {
      for (const server of [slow, fast]) {
        await expectQuiet(server);
        server.reset();
      }
      const request = put(body);
      const sent =
        body instanceof ReadableStream
          ? fetch(request.url, { method: 'PUT', body: request.body, duplex: 'half' } as RequestInit)
          : fetch(request);
      expect((await sent).status).toBe(200);
      await (await sent).text();
      expect([slow.count(), fast.count()]).toEqual([1, 0]);
    }
  });
});
