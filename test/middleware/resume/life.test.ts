/** How a continued body begins, waits and ends: aborts, limits, budgets, back-pressure, clones. */
import { describe, expect, test, vi } from 'vitest';
import {
  breaker,
  budget,
  constant,
  createFetch,
  createHandler,
  limit,
  resume,
  retry,
  timeout,
  TimeoutError,
} from '../../../src/index.ts';
import { bytesOf } from '../../support/cutting.ts';
import { settled, until } from '../../support/origin.ts';
import { reasonOf } from '../../support/promises.ts';
import { countTimers } from '../../support/sockets.ts';
import { atOnce, drain, scene, ways } from './ways.ts';

const kB = 1_000;
const file = bytesOf(300 * kB);

describe.each(ways)('the life of a continued body on $name', (way) => {
  test('ends at once with the caller’s reason when it aborts in the pause, and leaves no timer', async () => {
    await using at = await scene(way, file);
    at.server.cuts.push(50 * kB);
    using timers = countTimers();
    const controller = new AbortController();
    const fetch = at.through(resume({ backoff: constant(60_000) }));
    const { body } = await fetch(at.url, { signal: controller.signal });
    const reader = body!.getReader();
    for (let length = 0; length < 50 * kB;) length += (await reader.read()).value!.length;
    const pending = reader.read();
    await until(() => timers.open() > 0);
    const reason = new Error('the user has left');
    controller.abort(reason);
    expect(await reasonOf(pending)).toBe(reason);
    await until(() => timers.open() === 0);
    expect(at.server.requests).toHaveLength(1);
    expect(at.decisions()).toEqual([]);
  });

  test('aborts the further request when its reader cancels', async () => {
    await using at = await scene(way, file);
    at.server.cuts.push(50 * kB);
    let closed = false;
    at.server.change = ({ response }, request) => {
      if (request === 1) return undefined;
      response.once('close', () => (closed = true));
      return false; // no response
    };
    const reader = (await at.fetch(at.url)).body!.getReader();
    for (let length = 0; length < 50 * kB;) length += (await reader.read()).value!.length;
    const pending = reader.read();
    await until(() => at.server.requests.length === 2);
    await reader.cancel();
    expect(await pending).toEqual({ done: true, value: undefined });
    await vi.waitFor(() => expect(closed).toBe(true));
  });

  test('aborts the further request of a copy that is left after another one has its end', async () => {
    await using at = await scene(way, file);
    at.server.cuts.push(50 * kB);
    let closed = false;
    at.server.change = ({ response }, request) => {
      if (request !== 2) return undefined;
      response.once('close', () => (closed = true));
      return false; // no response
    };
    const response = await at.fetch(at.url);
    const readers = [response.clone(), response].map(({ body }) => body!.getReader());
    const reads = readers.map(async (reader) => {
      while (!(await reader.read()).done);
    });
    await until(() => at.server.requests.length >= 2);
    if (!way.isUndici) await Promise.race(reads); // its copies share one connection
    await Promise.race([...readers.map((reader) => reader.cancel()), Promise.all(reads)]);
    await vi.waitFor(() => expect(closed).toBe(true));
  });

  test('is read no faster from a further connection than its reader reads', async () => {
    const long = bytesOf(30_000 * kB);
    await using at = await scene(way, long);
    at.server.cuts.push(50 * kB);
    let written = 0;
    at.server.change = ({ response, body, headers, status }, request) => {
      if (request === 1) return undefined;
      response.writeHead(status, headers);
      const more = (): void => {
        while (written < body.length && !response.destroyed) {
          const part = body.subarray(written, (written += 64 * kB));
          if (!response.write(part)) return void response.once('drain', more);
        }
        response.end();
      };
      more();
      return false;
    };
    const reader = (await at.fetch(at.url)).body!.getReader();
    let length = 0;
    while (length <= 50 * kB) length += (await reader.read()).value!.length;
    await stable(() => written);
    expect(written).toBeLessThan(15_000 * kB);
    for (let part = await reader.read(); !part.done; part = await reader.read()) length += part.value.length;
    expect(length).toBe(long.length);
  });

  test('keeps the url of a redirect, and its clones read on, each from its own place', async () => {
    await using at = await scene(way, file);
    const redirect = { status: 302, body: new Uint8Array(), headers: { location: '/moved' } };
    at.server.change = (reply) => void (reply.path === '/file' && Object.assign(reply, redirect));
    at.server.cuts.push(undefined, 50 * kB);
    const response = await at.fetch(at.url);
    const copy = response.clone();
    expect([response.url, response.redirected, copy.url]).toEqual([
      at.url.replace('file', 'moved'),
      true,
      response.url,
    ]);
    const reader = copy.body!.getReader();
    let length = (await reader.read()).value!.length;
    expect(Buffer.from(await drain(response)).equals(file)).toBe(true);
    for (let part = await reader.read(); !part.done; part = await reader.read()) length += part.value.length;
    expect(length).toBe(file.length);
    expect(response.url).toBe(at.url.replace('file', 'moved'));
  });

  test('gives up after so many requests in a row that bring no new byte', async () => {
    await using at = await scene(way, file);
    at.server.cuts.push(50 * kB, 0, 0, 10, 0, 0, 0);
    const response = await at.through(atOnce({ continuations: 3 }))(at.url);
    expect(await reasonOf(drain(response))).toMatchObject({ name: 'TypeError', message: 'terminated' });
    expect(at.server.requests).toHaveLength(7);
    expect(at.decisions().at(-1)).toBe('abandoned continuations 50010');
  });

  test('sends nothing that would reach the deadline, and nothing without a budget', async () => {
    await using at = await scene(way, file);
    for (const [use, reason] of [
      [[timeout(5_000), resume({ backoff: constant(5_000) })], 'deadline'],
      [[atOnce({ budget: budget({ ratio: 0, floor: 0 }) })], 'budget'],
      [[atOnce(), retry({ budget: budget({ ratio: 0, floor: 0 }) })], 'budget'],
    ] as const) {
      at.server.cuts.push(50 * kB);
      const response = await at.through(...use)(at.url);
      expect(await reasonOf(drain(response))).toMatchObject({ message: 'terminated' });
      expect(at.decisions().at(-1)).toBe(`abandoned ${reason} 50000`);
    }
    expect(at.server.requests).toHaveLength(3);
  });

  test('waits as long as a 503 asks for', async () => {
    await using at = await scene(way, file);
    at.server.cuts.push(50 * kB);
    const times: number[] = [];
    at.server.change = (reply, request) => {
      times.push(performance.now());
      if (request === 2)
        Object.assign(reply, { status: 503, headers: { 'retry-after-ms': '200' }, body: file.subarray(0, 5) });
    };
    expect(Buffer.from(await drain(await at.fetch(at.url))).equals(file)).toBe(true);
    expect(times[2]! - times[1]!).toBeGreaterThanOrEqual(195);
  });

  test('does not ask a server whose circuit is open', async () => {
    await using at = await scene(way, file);
    const circuits = breaker({ volume: 1 });
    const fetch = at.through(atOnce(), circuits);
    at.server.cuts.push(50 * kB);
    const response = await fetch(at.url);
    at.server.change = (reply) => void Object.assign(reply, { status: 500 });
    await (await fetch(at.url, { resume: false })).body!.cancel();
    expect(await reasonOf(drain(response))).toMatchObject({ message: 'terminated' });
    expect(at.decisions()).toEqual([expect.stringContaining('abandoned refused')]);
  });

  test('frees the permit of an inner limit at the break, and that of an outer one at the end', async () => {
    await using at = await scene(way, file);
    const [inner, outer] = [limit({ concurrency: 1 }), limit({ concurrency: 1 })];
    const permits = (): unknown[] => [inner, outer].map((each) => Object.values(each.snapshot())[0]?.running ?? 0);
    at.server.cuts.push(50 * kB, 20 * kB);
    const { body } = await at.through(outer, atOnce(), inner)(at.url);
    expect(permits()).toEqual([1, 1]);
    expect(Buffer.from(await drain(new Response(body))).equals(file)).toBe(true);
    await vi.waitFor(() => expect(permits()).toEqual([0, 0]));
  });

  test('goes on after an inner limit has expired, and not after an outer one', async () => {
    await using at = await scene(way, file);
    at.server.change = ({ response, status, headers, body }, request) => {
      if (request === 2) return undefined;
      response.writeHead(status, headers);
      response.write(body.subarray(0, 10 * kB)); // and then silence
      return false;
    };
    const inside = await at.through(timeout(20_000), atOnce(), timeout({ idle: 100 }))(at.url);
    expect(Buffer.from(await drain(inside)).equals(file)).toBe(true);
    expect(at.decisions()).toEqual(['continued 10000']);

    const outside = await at.through(timeout({ idle: 100 }), atOnce())(at.url);
    expect(await reasonOf(drain(outside))).toBeInstanceOf(TimeoutError);
    const total = await at.through(timeout(100), atOnce())(at.url);
    expect(await reasonOf(total.text())).toBeInstanceOf(TimeoutError);
    expect(at.server.requests).toHaveLength(4);
  });

  test('starts the clock of an outer idle limit anew while a long body is skipped', async () => {
    await using at = await scene(way, file, { acceptsRanges: false });
    at.server.cuts.push(150 * kB);
    at.server.change = ({ response, status, headers, body }, request) => {
      if (request === 1) return undefined;
      response.writeHead(status, headers);
      let position = 0;
      const more = (): void => {
        response.write(body.subarray(position, (position += 50 * kB)));
        if (position < body.length) setTimeout(more, 120);
        else response.end();
      };
      more();
      return false;
    };
    const response = await at.through(timeout({ idle: 300 }), atOnce())(at.url);
    expect(Buffer.from(await drain(response)).equals(file)).toBe(true);
  });

  test.each<[string, RequestInit, Record<string, unknown>]>([
    ['another method', { method: 'POST', body: 'order' }, {}],
    ['an error status', {}, { status: 404 }],
    ['an event stream', {}, { headers: { 'content-type': 'text/event-stream', etag: '"one"' } }],
  ])('leaves the response to %s as it is', async (_what, init, reply) => {
    await using at = await scene(way, file);
    at.server.cuts.push(50 * kB);
    at.server.change = (given) => void Object.assign(given, reply);
    expect(await reasonOf((await at.fetch(at.url, init)).text())).toMatchObject({ message: 'terminated' });
    expect(at.server.requests).toHaveLength(1);
  });

  test('continues a POST that may be sent again, if it is among the methods', async () => {
    await using at = await scene(way, file);
    at.server.cuts.push(50 * kB);
    const init = { method: 'POST', body: 'search', resume: { methods: ['post'] } };
    expect(Buffer.from(await drain(await at.fetch(at.url, init))).equals(file)).toBe(true);
    expect(at.server.requests[1]).toMatchObject({ range: 'bytes=50000-', 'content-length': '6' });
  });

  test('is switched off for a call, and by no continuations', async () => {
    await using at = await scene(way, file);
    for (const resume of [false, { continuations: 0 }]) {
      at.server.cuts.push(50 * kB);
      expect(await reasonOf((await at.fetch(at.url, { resume })).text())).toMatchObject({ message: 'terminated' });
    }
    expect(at.server.requests).toHaveLength(2);
  });
});

test('resume continues a body of a transport that ignores its signal', async () => {
  let sent = 0;
  const transport = async (): Promise<Response> => {
    sent += 1;
    const stream = new ReadableStream<Uint8Array>({
      type: 'bytes',
      pull(controller) {
        controller.enqueue(new Uint8Array(10).fill(1));
        if (sent === 1) return new Promise(() => {}); // the first response hangs
        controller.close();
        return undefined;
      },
    });
    return new Response(stream, { headers: { etag: '"one"' } });
  };
  const fetch = createFetch({ use: [atOnce(), timeout({ idle: 50 })], fetch: transport });
  expect(await (await fetch('http://a.example')).bytes()).toEqual(new Uint8Array(10).fill(1));
  expect(sent).toBe(2);
});

test('resume does nothing in a handler', async () => {
  let calls = 0;
  const handle = createHandler({ use: [atOnce()] }, () => {
    calls += 1;
    return new Response(new ReadableStream({ pull: (controller) => controller.error(new TypeError('terminated')) }));
  });
  const response = await handle(new Request('http://a.example'));
  expect(await reasonOf(response.text())).toMatchObject({ message: 'terminated' });
  expect(calls).toBe(1);
});

test.each([
  ['resume continuations must be a whole number of 0 or more, got -1', { continuations: -1 }],
  ['resume compare must be a whole number of 0 or more, got "1MB"', { compare: '1MB' }],
  ['resume budget must be budget({ ... }) or false, got true', { budget: true }],
  ['resume backoff must be a function, got 200', { backoff: 200 }],
  ['resume methods must be a list, got "GET"', { methods: 'GET' }],
  ['resume has no option retries; it has continuations, backoff, budget, methods, compare, random', { retries: 3 }],
])('%s', (message, options) => {
  expect(() => resume(options as never)).toThrow(message);
});

/** Resolves when the number has not changed for 200 turns of the event loop. */
async function stable(count: () => number): Promise<void> {
  for (let before = -1; before !== count();) {
    before = count();
    for (let turn = 0; turn < 20; turn += 1) await settled();
  }
}
