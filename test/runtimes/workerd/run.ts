/**
 * kyoa in Cloudflare's workerd, which ties timers, promises and streams to the request that made them. One Worker has its
 * clients at module level. `node test/runtimes/workerd/run.ts` runs the checks alone.
 */
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';

import { startUpstream, type Upstream } from './upstream.ts';
import { startWorkerd } from './start.ts';

type Check = (name: string, work: () => Promise<void>) => Promise<void>;

/** Workers of today, and those from before weak references and before promises that another request may resolve. */
const dates = ['2026-11-01', '2023-01-01'];

export async function workerd(check: Check): Promise<void> {
  for (const date of dates) {
    await using upstream = await startUpstream();
    await using worker = await startWorkerd(date, upstream.origin);
    const checks = checksOf(upstream, (route, to = '/', init) => request(worker.origin, route, to, init));
    for (const [name, work] of Object.entries(checks)) {
      if (date >= firstRpc || (name !== ofObject && name !== ofExample))
        await check(`workerd of ${date}: ${name}`, work);
    }
    await check(`workerd of ${date}: no request has failed unseen`, async () => {
      assert.deepEqual(
        worker.errors.filter((line) => /uncaught|different request|hung/i.test(line)),
        [],
      );
    });
  }
}

/** A Durable Object has methods to call from this date on. */
const firstRpc = '2024-04-03';
const ofObject = 'a Durable Object keeps the storage contract';
const ofExample = 'the example on a Durable Object executes a request once, also for two at once';

interface Reply {
  readonly status: number;
  readonly text: string;
  readonly ms: number;
}

async function request(origin: string, route: string, to: string, init: RequestInit = {}): Promise<Reply> {
  const url = new URL(route, origin);
  url.searchParams.set('to', to);
  const started = performance.now();
  const response = await fetch(url, { signal: AbortSignal.timeout(20_000), ...init });
  const text = await response.text();
  return { status: response.status, text, ms: performance.now() - started };
}

function checksOf(
  { requests, mostAtOnce }: Upstream,
  call: (route: string, to?: string, init?: RequestInit) => Promise<Reply>,
): Readonly<Record<string, () => Promise<void>>> {
  const expectText = async (route: string, to: string, text: string): Promise<void> => {
    const reply = await call(route, to);
    assert.deepEqual([reply.status, reply.text], [200, text]);
  };
  /** Each path once, 100 at a time. */
  const many = async (route: string, count: number, to: (nth: number) => string): Promise<void> => {
    const failures: string[] = [];
    let nth = 0;
    const caller = async (): Promise<void> => {
      while (nth < count) {
        nth += 1;
        const { status, text } = await call(route, to(nth));
        if (status !== 200) failures.push(`${status} ${text}`);
      }
    };
    await Promise.all(Array.from({ length: 100 }, caller));
    assert.equal(failures.length, 0, `${failures.length} of ${count} failed, the first with ${failures[0]}`);
  };
  const limitsAreOnTime = async (): Promise<void> => {
    const limits = Array.from({ length: 20 }, (_, nth) => 100 + 20 * ((nth * 7) % 20));
    const replies = await Promise.all(limits.map((limit) => call(`/timeout?limit=${limit}`, '/silent')));
    const late = replies.map(({ text }) => {
      const { name, late } = JSON.parse(text) as { name: string; late: number };
      assert.equal(name, 'TimeoutError');
      return late;
    });
    assert(Math.max(...late) < 50, `The limits were late by ${late.join(', ')} ms`);
    assert(Math.min(...late) > -50, `The limits were early by ${late.map((ms) => -ms).join(', ')} ms`);
  };

  return {
    'a GET': () => expectText('/standard', '/a', 'response to /a'),
    'a GET whose response is passed on unread': () => expectText('/passed-on', '/b', 'response to /b'),
    'a GET of the client': () => expectText('/client', '/c', 'response to /c'),
    'a POST of JSON': () => expectText('/post', '/echo', '{"a":1}'),
    'a retry': () => expectText('/standard', '/unsteady', 'attempt 2'),
    'a copy of a slow request': () => expectText('/hedge', '/first-slow?ms=5000', 'copy 2'),
    async 'each isomorphic entry point is imported in global scope'() {
      const names = JSON.parse((await call('/imported')).text) as string[];
      for (const name of ['indexeddb', 'opentelemetry', 'schemas']) assert(names.includes(name), name);
    },
    async [ofExample]() {
      const headers = { 'idempotency-key': 'order-2' };
      const init = { method: 'POST', body: '{"item":"tea"}', headers };
      const order = (): Promise<Reply> => call('/example', '/', init);
      const replies = [...(await Promise.all([order(), order()])), await order()];
      const placed = replies.filter(({ status }) => status === 201);
      assert(placed.length >= 2 && placed.length + replies.filter(({ status }) => status === 409).length === 3);
      assert.equal(new Set(placed.map(({ text }) => text)).size, 1); // each execution creates another id
    },
    [ofObject]: () => expectText('/contract-object', '/', '[]'),
    'the storage contract of memory()': () => expectText('/contract', '/', '[]'),
    async 'a handler executes a request once, also for two at once'() {
      const init = { method: 'POST', body: 'item', headers: { 'idempotency-key': 'order-1' } };
      const replies = await Promise.all([1, 2].map(() => call('/orders', '/orders?ms=200', init)));
      const placed = [201, '{"placed":"response to /orders"}'];
      assert.deepEqual([replies.map(({ status, text }) => [status, text])], [[placed, placed]]);
      assert.equal(requests.get('/orders?ms=200'), 1);
    },
    '20 limits at once are on time': limitsAreOnTime,
    '2,000 requests of createFetch, 100 at a time': () => many('/standard', 2_000, (nth) => `/many?ms=5&nth=${nth}`),
    '2,000 equal requests of the client, 100 at a time': () => many('/client', 2_000, () => '/equal?ms=5'),
    async 'equal requests at once share nothing'() {
      const replies = await Promise.all(Array.from({ length: 20 }, () => call('/dedupe', '/slow-body?ms=50')));
      assert.deepEqual(
        replies.map(({ text }) => text),
        Array(20).fill('begun done'),
      );
      assert.equal(requests.get('/slow-body?ms=50'), 20);
    },
    async 'one call at a time under a limit'() {
      const replies = await Promise.all(Array.from({ length: 5 }, () => call('/limit', '/one?ms=50')));
      assert.deepEqual(
        replies.map(({ text }) => text),
        Array(5).fill('response to /one'),
      );
      assert.equal(mostAtOnce.get('/one?ms=50'), 1);
    },
    async 'one call at a time under a limit, when the response is passed on unread'() {
      const replies = await Promise.all(Array.from({ length: 5 }, () => call('/limit-passed-on', '/passed?ms=50')));
      assert.deepEqual(
        replies.map(({ text }) => text),
        Array(5).fill('response to /passed'),
      );
    },
    async 'one call at a time under a limit, when the body is passed on in a response of its own'() {
      const replies = await Promise.all(Array.from({ length: 5 }, () => call('/limit-wrapped', '/slow-body?ms=20')));
      assert.deepEqual(
        replies.map(({ text }) => text),
        Array(5).fill('begun done'),
      );
      assert.equal(mostAtOnce.get('/slow-body?ms=20'), 1);
      const slowest = Math.max(...replies.map(({ ms }) => ms));
      assert(slowest < 1_000, `The last permit came after ${slowest} ms`);
    },
    async 'a rate of starts'() {
      const replies = await Promise.all(Array.from({ length: 6 }, () => call('/rate', '/rated')));
      assert.deepEqual(
        replies.map(({ text }) => text),
        Array(6).fill('response to /rated'),
      );
      const slowest = Math.max(...replies.map(({ ms }) => ms));
      assert(slowest > 390 && slowest < 1_000, `The third window began after ${slowest} ms`);
    },
    async 'a copy that waits for the deposit of another request'() {
      const first = call('/hedge-scarce', '/first-slow?ms=5000&scarce');
      await delay(100);
      const [second] = [await call('/hedge-scarce', '/quick')];
      assert.deepEqual([(await first).text, second.text], ['copy 2', 'response to /quick']);
      assert((await first).ms < 4_000, `It took ${(await first).ms} ms`);
    },
    async 'a newer call replaces an older one'() {
      const older = call('/latest', '/older?ms=3000');
      await delay(100);
      const newer = await call('/latest', '/newer');
      const { status, text, ms } = await older;
      assert.equal(newer.text, 'response to /newer');
      assert.equal(status, 500);
      assert.match(text, /Replaced by a newer call/);
      assert(ms < 1_500, `It took ${ms} ms`);
    },
    async 'waitUntil receives the write of the history, from a call and from a module'() {
      for (const how of ['call', 'module']) {
        const replies = await Promise.all([1, 2, 3].map(() => call(`/recorded-by-${how}`, `/by-${how}`)));
        assert.deepEqual(
          replies.map(({ status }) => status),
          [200, 200, 200],
        );
        await delay(1_000);
        const { text } = await call('/history', `/by-${how}`);
        assert.equal((JSON.parse(text) as number[]).length, 3);
      }
    },
    async 'without waitUntil the write of the history neither fails nor delays a response'() {
      const times: number[] = [];
      for (let nth = 0; nth < 5; nth += 1) {
        const { status, ms } = await call('/recorded', '/alone');
        assert.equal(status, 200);
        times.push(ms);
        await delay(150);
      }
      // The write waits for half a second. A busy machine may be slow, but hardly five times.
      assert(Math.min(...times) < 400, `The calls took ${times.join(', ')} ms`);
      await delay(1_000);
      assert.equal((await call('/history', '/alone')).text, 'none');
    },
    async 'a caller that leaves takes nothing of another one along'() {
      const leave = AbortSignal.timeout(100);
      const left = Promise.allSettled([
        call('/standard', '/shared?ms=1000', { signal: leave }),
        call('/limit', '/held?ms=1000', { signal: leave }),
        call('/timeout?limit=1000', '/silent', { signal: leave }),
      ]);
      await delay(50);
      const stay = Promise.all([call('/standard', '/shared?ms=1000'), call('/limit', '/after'), limitsAreOnTime()]);
      const [shared, after] = await stay;
      await left;
      assert.deepEqual([shared.text, after.text], ['response to /shared', 'response to /after']);
    },
    '10,000 more requests': () => many('/standard', 10_000, (nth) => `/more?nth=${nth}`),
    'limits are on time after 10,000 requests': limitsAreOnTime,
  };
}

if (import.meta.main) {
  await workerd(async (name, work) => {
    const started = performance.now();
    const failure = await work().then(
      () => undefined,
      (error: unknown) => (error as Error).message.slice(0, 500),
    );
    console.log(
      `${failure === undefined ? 'ok    ' : 'FAILED'}  ${name}, ${Math.round(performance.now() - started)} ms`,
    );
    if (failure === undefined) return;
    console.log(`        ${failure}`);
    process.exitCode = 1;
  });
}
