/** A consumer that leaves at any moment: the connection is closed, and nothing stays. */
import { getEventListeners } from 'node:events';
import kyoa, { createFetch, standard } from 'kyoa';
import { events, type EventStream } from 'kyoa/events';
import { undici } from 'kyoa/undici';
import { afterAll, describe, expect, test, vi } from 'vitest';

import { eventOrigin, eventStream, message, replies, sends } from '../support/event-origin.ts';
import { flood, origin, settled, until } from '../support/origin.ts';
import { deferred, reasonOf } from '../support/promises.ts';
import { countTimers, gcUntil, openSockets } from '../support/sockets.ts';

const reason = new Error('the user left');

const transport = undici();
afterAll(() => transport.close());
const clients = [
  ['a plain fetch', fetch],
  ['createFetch', createFetch({ use: standard() })],
  ['the client', kyoa],
  ['createFetch over undici()', createFetch({ use: standard(), fetch: transport })],
] as const;

describe.each(clients)('a consumer of %s', (_, api) => {
  const stream = events as (api: unknown, url: unknown, options?: unknown) => EventStream;

  test('that breaks out of the loop closes the connection', async () => {
    await using server = await eventOrigin([sends('data: a\n\ndata: b\n\n', 'stay')]);
    const { signal } = new AbortController();
    for await (const event of stream(api, server.url, { signal })) {
      expect(event).toEqual(message('a'));
      break;
    }
    expect(await server.exchanges[0]!.over).toBe('cut');
    expect(getEventListeners(signal, 'abort')).toEqual([]);
    await until(() => openSockets(Number(new URL(server.url).port)).length === 0);
  });

  test('that throws in the loop closes the connection', async () => {
    await using server = await eventOrigin([sends('data: a\n\n', 'stay')]);
    const loop = async (): Promise<void> => {
      for await (const _ of stream(api, server.url)) throw reason;
    };
    expect(await reasonOf(loop())).toBe(reason);
    expect(await server.exchanges[0]!.over).toBe('cut');
  });

  test('that calls return() while it waits for an event ends the wait', async () => {
    await using server = await eventOrigin([sends('data: a\n\n', 'stay')]);
    const events = stream(api, server.url);
    await events.next();
    const pending = events.next();
    expect(await events.return()).toEqual({ value: undefined, done: true });
    expect(await pending).toEqual({ value: undefined, done: true });
    expect(await events.next()).toEqual({ value: undefined, done: true });
    expect(await server.exchanges[0]!.over).toBe('cut');
  });

  test.each(['headers', 'first event', 'end of an event'])(
    'that aborts before the %s gets its own reason at once',
    async (phase) => {
      await using server = await origin(({ response }) => {
        if (phase === 'headers') return;
        response.writeHead(200, eventStream);
        if (phase === 'first event') response.flushHeaders();
        else response.write('data: a\n');
      });
      const controller = new AbortController();
      const pending = reasonOf(stream(api, server.url, { signal: controller.signal }).next());
      await until(() => server.exchanges.length === 1);
      await settled();
      controller.abort(reason);
      expect(await pending).toBe(reason);
      expect(await server.exchanges[0]!.over).toBe('cut');
      expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
    },
  );

  test('that aborts between two events gets no further one', async () => {
    await using server = await eventOrigin([sends('data: a\n\ndata: b\n\n', 'stay')]);
    const controller = new AbortController();
    const events = stream(api, server.url, { signal: controller.signal });
    expect((await events.next()).value).toEqual(message('a'));
    controller.abort(reason);
    expect(await server.exchanges[0]!.over).toBe('cut'); // at once, and not with the next event
    expect(await reasonOf(events.next())).toBe(reason);
    expect(await events.next()).toEqual({ value: undefined, done: true });
    expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
  });

  test('that aborts in the delay before a reconnect leaves no timer', async () => {
    await using server = await eventOrigin([sends('data: a\n\n')]);
    using timers = countTimers();
    const controller = new AbortController();
    const { promise, resolve } = deferred();
    const events = stream(api, server.url, {
      signal: controller.signal,
      backoff: () => 60_000,
      listener: ({ type }: { type: string }) => type === 'events.interrupted' && resolve(),
    });
    await events.next();
    const pending = reasonOf(events.next());
    await promise;
    controller.abort(reason);
    expect(await pending).toBe(reason);
    expect(timers.open()).toBe(0);
    expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
    expect(server.exchanges).toHaveLength(1);
  });

  test('that has aborted before sends nothing', async () => {
    await using server = await eventOrigin([]);
    expect(await reasonOf(stream(api, server.url, { signal: AbortSignal.abort(reason) }).next())).toBe(reason);
    expect(server.exchanges).toEqual([]);
  });

  test('that aborts by the signal of a Request gets its reason', async () => {
    await using server = await eventOrigin([sends('data: a\n\n', 'stay')]);
    const controller = new AbortController();
    const events = stream(api, new Request(server.url, { signal: controller.signal }));
    await events.next();
    const pending = reasonOf(events.next());
    controller.abort(reason);
    expect(await pending).toBe(reason);
    expect(await server.exchanges[0]!.over).toBe('cut');
  });

  test('that is slow lets the server wait', async () => {
    let sent = 0;
    const text = `data: ${'kyoa '.repeat(3_000)}\n\n`;
    await using server = await origin(({ response }) => {
      response.writeHead(200, eventStream);
      const more = (): void => {
        do sent += text.length;
        while (!response.destroyed && response.write(text));
      };
      response.on('drain', more);
      more();
    });
    const events = stream(api, server.url);
    await events.next();
    const before = await rest(() => sent);
    expect(before).toBeLessThan(16_000_000); // what the sockets of both sides hold
    while (sent < before + 20_000_000) await events.next();
    await events.return();
  });
});

/** The value once it no longer changes. */
async function rest(value: () => number): Promise<number> {
  for (let before = value(); ; before = value()) {
    for (let n = 0; n < 30; n += 1) await settled();
    if (before === value()) return before;
  }
}

describe('a transport that ignores its signal', () => {
  test('does not delay the abort, and its late response is discarded', async () => {
    await using server = await eventOrigin([sends('data: a\n\n', 'stay')]);
    const { promise, resolve } = deferred<Response>();
    const controller = new AbortController();
    const pending = reasonOf(events(() => promise, server.url, { signal: controller.signal }).next());
    controller.abort(reason);
    expect(await pending).toBe(reason);
    resolve(await fetch(server.url));
    expect(await server.exchanges[0]!.over).toBe('cut');
  });

  test('is left by a cancel of the body', async () => {
    await using server = await eventOrigin([sends('data: a\n\n', 'stay')]);
    const deaf = (url: string | Request): Promise<Response> => fetch(url);
    const stream = events(deaf, server.url);
    await stream.next();
    const pending = stream.next();
    await stream.return();
    expect(await pending).toEqual({ value: undefined, done: true });
    expect(await server.exchanges[0]!.over).toBe('cut');
  });

  test('is left by a listener, before the first byte', async () => {
    await using server = await eventOrigin([sends(':\n\n', 'stay')]);
    const deaf = (url: string | Request): Promise<Response> => fetch(url);
    const stream: EventStream = events(deaf, server.url, { listener: () => void stream.return() });
    expect(await stream.next()).toEqual({ value: undefined, done: true });
    expect(await server.exchanges[0]!.over).toBe('cut');
  });

  test('may be the one that aborts', async () => {
    const controller = new AbortController();
    const never = (): Promise<Response> => {
      controller.abort(reason);
      return new Promise(() => {});
    };
    const stream = events(never, 'http://api.example/', { signal: controller.signal });
    expect(await reasonOf(stream.next())).toBe(reason);
  });
});

test('a response that is left before its first event is closed', async () => {
  await using server = await eventOrigin([sends('data: a\n\n', 'stay')]);
  await events(await fetch(server.url)).return();
  expect(await server.exchanges[0]!.over).toBe('cut');
});

test('a long stream of many connections removes every listener', async () => {
  let left = 100;
  const api = async (): Promise<Response> =>
    left-- > 0 ? new Response('data: a\n\n', { headers: eventStream }) : new Response(null, { status: 204 });
  const added = vi.spyOn(AbortSignal.prototype, 'addEventListener');
  const removed = vi.spyOn(AbortSignal.prototype, 'removeEventListener');
  const present = (): number => added.mock.calls.length - removed.mock.calls.length;
  const { signal } = new AbortController();
  let most = 0;
  for await (const _ of events(api, 'http://api.example/', { signal, random: () => 0 }))
    most = Math.max(most, present());
  expect(added.mock.calls.length).toBeGreaterThan(100);
  expect([most, present()]).toEqual([2, 0]);
  expect(getEventListeners(signal, 'abort')).toEqual([]);
  vi.restoreAllMocks();
});

test('a refusal that is followed by another request is discarded', async () => {
  await using server = await origin((exchange) => {
    if (server.exchanges.length > 1) return replies(204)(exchange);
    exchange.response.writeHead(503);
    flood(exchange);
  });
  expect(await events(fetch, server.url, { random: () => 0 }).next()).toEqual({ value: undefined, done: true });
  expect(await server.exchanges[0]!.over).toBe('cut');
});

test('a signal that is collected still aborts', async () => {
  await using server = await eventOrigin([sends('data: a\n\n', 'stay')]);
  let collected = false;
  const registry = new FinalizationRegistry(() => (collected = true));
  const start = (): [EventStream, () => void] => {
    const controller = new AbortController();
    registry.register({}, undefined);
    return [events(fetch, server.url, { signal: controller.signal }), () => controller.abort(reason)];
  };
  const [stream, abort] = start();
  await stream.next();
  const pending = reasonOf(stream.next());
  await gcUntil(() => collected);
  abort();
  expect(await pending).toBe(reason);
});
