/** A stream goes on over connections that end, fail or are refused. */
import { events, EventStreamError, type EventsOptions, type EventStreamChange } from 'kyoa/events';
import { describe, expect, test, vi } from 'vitest';

import {
  all,
  eventOrigin,
  eventStream,
  idsSent,
  message,
  replies,
  sends,
  type Serve,
} from '../support/event-origin.ts';
import { faultServer } from '../support/faults.ts';
import { reasonOf } from '../support/promises.ts';

/** No delay, unless the server or an option asks for one. */
const soon = { random: () => 0 };

describe('a reconnect', () => {
  test.each(['end', 'break'] as const)('follows the %s of a stream, with the id of the last event', async (how) => {
    await using server = await eventOrigin([
      sends('id: 1\ndata: a\n\n', how),
      sends('data: b\n\nid: 3\ndata: c\n\n', how),
      sends('data: d\n\n', how),
    ]);
    expect(await all(events(fetch, server.url, soon))).toEqual([
      message('a', '1'),
      message('b', '1'),
      message('c', '3'),
      message('d', '3'),
    ]);
    expect(idsSent(server)).toEqual([undefined, '1', '3', '3']);
  });

  test('sends the old id again if the new connection dies before its first id', async () => {
    await using server = await eventOrigin([
      sends('id: 1\ndata: a\n\n', 'break'),
      sends('', 'break'),
      sends('data: b\n', 'break'),
      sends(': c\n\n', 'break'),
    ]);
    expect(await all(events(fetch, server.url, soon))).toEqual([message('a', '1')]);
    expect(idsSent(server)).toEqual([undefined, '1', '1', '1', '1']);
  });

  test('sends the newest id, also the third time', async () => {
    await using server = await eventOrigin([1, 2, 3, 4].map((n) => sends(`id: ${n}\ndata: ${n}\n\n`, 'break')));
    await all(events(fetch, server.url, soon));
    expect(idsSent(server)).toEqual([undefined, '1', '2', '3', '4']);
  });

  test('sends the id of a block without data, and none of an unfinished event', async () => {
    await using server = await eventOrigin([sends('id: 1\n\nid: 2\ndata: a\n', 'break')]);
    expect(await all(events(fetch, server.url, soon))).toEqual([]);
    expect(idsSent(server)).toEqual([undefined, '1']);
  });

  test('sends no id after an empty one', async () => {
    await using server = await eventOrigin([sends('id: 1\ndata: a\n\n'), sends('id\ndata: b\n\n')]);
    await all(events(fetch, server.url, soon));
    expect(idsSent(server)).toEqual([undefined, '1', undefined]);
  });

  test('begins after `from`', async () => {
    await using server = await eventOrigin([sends('data: a\n\n')]);
    expect(await all(events(fetch, server.url, { ...soon, from: '41' }))).toEqual([message('a', '41')]);
    expect(idsSent(server)).toEqual(['41', '41']);
  });

  test('sends an id that is not Latin-1 as UTF-8', async () => {
    await using server = await eventOrigin([sends('id: 日本…\ndata: a\n\n'), sends('id: é\ndata: b\n\n')]);
    await all(events(fetch, server.url, { ...soon, from: '😀' }));
    const sent = idsSent(server).map((id) => Buffer.from(id!, 'latin1').toString('utf8'));
    expect(sent).toEqual(['😀', '日本…', 'é']);
  });

  test('leaves out events that the server repeats', async () => {
    const event = (n: number): string => `id: ${n}\ndata: ${n}\n\n`;
    await using server = await eventOrigin([
      sends([1, 2, 3].map(event).join('')),
      sends([3, 4].map(event).join('')), // the last one again
      sends([2, 3, 4, 5].map(event).join('')), // several
      sends([5].map(event).join('')), // and nothing else
      sends([5, 6].map(event).join('')),
    ]);
    const data = (await all(events(fetch, server.url, soon))).map(({ data }) => data);
    expect(data).toEqual(['1', '2', '3', '4', '5', '6']);
    expect(idsSent(server)).toEqual([undefined, '3', '4', '5', '5', '6']);
  });

  test('keeps the newest id while the server repeats older events', async () => {
    await using server = await eventOrigin([
      sends('id: 1\ndata: a\n\nid: 2\ndata: b\n\nid: 3\ndata: c\n\n'),
      sends('id: 1\ndata: a\n\n', 'break'),
    ]);
    await all(events(fetch, server.url, soon));
    expect(idsSent(server)).toEqual([undefined, '3', '3']);
  });

  test('keeps other events of a server whose ids began anew', async () => {
    await using server = await eventOrigin([
      sends('id: 1\ndata: a\n\nid: 2\ndata: b\n\n'),
      sends('id: 1\ndata: c\n\nid: 2\ndata: b\n\n'),
    ]);
    expect((await all(events(fetch, server.url, soon))).map(({ data }) => data)).toEqual(['a', 'b', 'c', 'b']);
  });

  test.each([
    ['without ids', 'data: tick\n\n', 4],
    ['with one id for all', 'id: 1\ndata: tick\n\n', 3],
  ])('keeps equal events %s, except for the repeat of the last one', async (_, tick, count) => {
    await using server = await eventOrigin([sends(tick + tick), sends(tick + tick)]);
    expect(await all(events(fetch, server.url, soon))).toHaveLength(count);
  });

  test.each([408, 429, 500, 502, 503, 504])('follows the status %i', async (code) => {
    await using server = await eventOrigin([sends('id: 1\ndata: a\n\n'), replies(code), sends('data: b\n\n')]);
    expect(await all(events(fetch, server.url, soon))).toEqual([message('a', '1'), message('b', '1')]);
    expect(idsSent(server)).toEqual([undefined, '1', '1', '1']);
  });

  test('follows a connection that is refused', async () => {
    await using down = await faultServer();
    await using server = await eventOrigin([sends('data: a\n\n')]);
    let tries = 0;
    const flaky: typeof fetch = (input, init) => fetch(++tries <= 3 ? down.refused : input, init);
    expect(await all(events(flaky, server.url, soon))).toEqual([message('a')]);
    expect(tries).toBe(5);
  });

  test('goes to the URL of the first connection, also after a redirect', async () => {
    await using server = await eventOrigin([
      replies(302, { location: '/moved' }),
      sends('data: a\n\n'),
      sends('data: b\n\n'),
    ]);
    expect(await all(events(fetch, server.url, soon))).toEqual([message('a'), message('b')]);
    expect(server.exchanges.map(({ request }) => request.url)).toEqual(['/', '/moved', '/', '/']);
  });
});

describe('the delay before a reconnect', () => {
  /** The delays of a stream, without waiting for them. */
  async function delaysOf(script: readonly Serve[], options: EventsOptions = {}): Promise<number[]> {
    await using server = await eventOrigin(script);
    const delays: number[] = [];
    const { setTimeout } = globalThis;
    const now = ((run: () => void) => setTimeout(run, 0)) as typeof setTimeout;
    const listener = (change: EventStreamChange): void => {
      if (change.type !== 'events.interrupted') return;
      delays.push(change.delay);
      globalThis.setTimeout = now; // the next timer is that of the delay
      queueMicrotask(() => (globalThis.setTimeout = setTimeout));
    };
    await all(events(fetch, server.url, { random: () => 1 - 2 ** -53, ...options, listener }));
    return delays.map(Math.round);
  }

  test('doubles from 3 s to 30 s, and begins anew when an event has come', async () => {
    const [refused, empty, comment, event] = [replies(503), sends(''), sends(': still here\n\n'), sends('data: a\n\n')];
    expect(await delaysOf([refused, empty, comment, refused, empty, refused, event, empty, event])).toEqual([
      3_000, 6_000, 12_000, 24_000, 30_000, 30_000, 3_000, 6_000, 3_000,
    ]);
  });

  test('does not begin anew for an event that is a repeat', async () => {
    const event = sends('id: 1\ndata: a\n\n');
    expect(await delaysOf([event, event, event])).toEqual([3_000, 6_000, 12_000]);
  });

  test('is drawn between 0 and that bound', async () => {
    const draws = [0, 0.25, 0.5];
    expect(await delaysOf([sends(''), sends(''), sends('')], { random: () => draws.shift()! })).toEqual([
      0, 1_500, 6_000,
    ]);
  });

  test('begins with `wait`', async () => {
    expect(await delaysOf([sends(''), sends('')], { wait: 50 })).toEqual([50, 100]);
  });

  test('is that of `backoff`', async () => {
    expect(await delaysOf([sends(''), sends('')], { backoff: (retry) => retry * 7 })).toEqual([7, 14]);
  });

  test('is at least the `retry:` of the server, which is the base of the backoff, too', async () => {
    const script = [sends('retry: 1000\n\n'), sends(''), sends('retry: 40000\n\n'), sends('')];
    expect(await delaysOf(script)).toEqual([2_000, 3_000, 70_000, 70_000]);
    expect(await delaysOf(script, { random: () => 0 })).toEqual([1_000, 1_000, 40_000, 40_000]);
  });

  test('grows for a server that sends `retry: 0` and closes each connection at once', async () => {
    const close = sends('retry: 0\n\n');
    expect(await delaysOf([close, close, close, close])).toEqual([100, 200, 400, 800]);
  });

  test.each(['retry: 1e3', 'retry: -1', 'retry: 1.5', 'retry: 1000x', 'retry: ', 'retry: ١'])(
    'ignores `%s`',
    async (field) => expect(await delaysOf([sends(`${field}\n\n`)])).toEqual([3_000]),
  );

  test('is at least the `Retry-After` of a refusal', async () => {
    const busy = replies(503, { 'retry-after': '90' });
    expect(await delaysOf([busy, sends('')], { random: () => 0 })).toEqual([90_000, 0]);
  });
});

describe('no reconnect', () => {
  test('follows the status 204, which ends the iteration', async () => {
    await using server = await eventOrigin([sends('data: a\n\n'), replies(204), sends('data: b\n\n')]);
    expect(await all(events(fetch, server.url, soon))).toEqual([message('a')]);
    expect(server.exchanges).toHaveLength(2);
  });

  test.each([201, 205, 206, 210, 299, 400, 401, 403, 404, 410, 501, 505])('follows the status %i', async (code) => {
    await using server = await eventOrigin([replies(code, eventStream), sends('data: b\n\n')]);
    const stream = events(fetch, `${server.url}?token=secret`, soon);
    const error = (await reasonOf(stream.next())) as EventStreamError;
    expect(error).toBeInstanceOf(EventStreamError);
    expect(error).toMatchObject({ name: 'EventStreamError', code: 'EVENT_STREAM', response: { status: code } });
    expect(error.message).toBe(`${server.url}?… has the status ${code}; an event stream has 200`);
    expect(await stream.next()).toEqual({ value: undefined, done: true });
    expect(server.exchanges).toHaveLength(1);
  });

  test.each([
    ['text/html', 'the content-type text/html'],
    ['text/event-streams', 'the content-type text/event-streams'],
    ['text/plain;text/event-stream', 'the content-type text/plain;text/event-stream'],
    [undefined, 'no content-type'],
  ])('follows the content type %s', async (type, words) => {
    const serve: Serve = ({ response }) =>
      void response.writeHead(200, type === undefined ? {} : { 'content-type': type }).end('data: a\n\n');
    await using server = await eventOrigin([serve, serve]);
    const error = (await reasonOf(events(fetch, server.url, soon).next())) as EventStreamError;
    expect(error.message).toBe(`${server.url} has ${words}; an event stream has text/event-stream`);
    expect(await error.response.text()).toBe('data: a\n\n');
    expect(server.exchanges).toHaveLength(1);
  });

  test.each(['text/event-stream;', 'TEXT/EVENT-STREAM', 'text/event-stream; charset=latin1', 'text/event-stream;x'])(
    'is needed for the content type %s',
    async (type) => {
      await using server = await eventOrigin([
        ({ response }) => void response.writeHead(200, { 'content-type': type }).end('data: a\n\n'),
      ]);
      expect(await all(events(fetch, server.url, soon))).toEqual([message('a')]);
    },
  );

  test('follows an error that another request would not avoid', async () => {
    const programming = new TypeError('url is not a function');
    let calls = 0;
    const broken = (): Promise<Response> => {
      calls += 1;
      throw programming;
    };
    expect(await reasonOf(events(broken, 'http://api.example/', soon).next())).toBe(programming);
    // A port that fetch refuses.
    expect(await reasonOf(events(fetch, 'http://127.0.0.1:1/', soon).next())).toMatchObject({
      message: 'fetch failed',
    });
    expect(calls).toBe(1);
  });

  test.each([
    ['has no streams', undefined],
    ['has streams of another kind', { pipe: () => {} }],
  ])('follows a response of a platform that %s', async (_, body) => {
    const response = Object.defineProperty(new Response('data: a\n\n', { headers: eventStream }), 'body', {
      value: body,
    });
    expect(await reasonOf(events(async () => response, 'http://api.example/', soon).next())).toMatchObject({
      code: 'EVENT_STREAM',
      message: 'The response has no ReadableStream as its body: use a fetch whose responses have one',
    });
  });

  test('follows a response whose body a middleware has read', async () => {
    const api = async (): Promise<Response> => {
      const response = new Response('data: a\n\n', { headers: eventStream });
      await response.text();
      return response;
    };
    expect(await reasonOf(events(api, 'http://api.example/', soon).next())).toBeInstanceOf(TypeError);
  });

  test('follows more than `reconnects` without an event', async () => {
    const event = sends('data: a\n\n');
    await using server = await eventOrigin([event, replies(503), event, replies(502), replies(503), replies(500)]);
    const stream = events(fetch, server.url, { ...soon, reconnects: 2 });
    expect((await stream.next()).value).toEqual(message('a'));
    expect((await stream.next()).value).toEqual(message('a'));
    expect(await reasonOf(stream.next())).toMatchObject({ response: { status: 503 } });
    expect(server.exchanges).toHaveLength(5);
  });

  test('follows the end of a stream with `reconnects: 0`, and a break of it is thrown', async () => {
    await using server = await eventOrigin([sends('data: a\n\n'), sends('data: a\n\n', 'break')]);
    expect(await all(events(fetch, server.url, { reconnects: 0 }))).toEqual([message('a')]);
    expect(await reasonOf(all(events(fetch, server.url, { reconnects: 0 })))).toMatchObject({ message: 'terminated' });
    expect(server.exchanges).toHaveLength(2);
  });
});

describe('the listener', () => {
  test('receives each change of the connection', async () => {
    await using server = await eventOrigin([
      sends('id: 1\ndata: a\n\n'),
      replies(503),
      sends('id: 2\ndata: b\n\n', 'break'),
    ]);
    const changes: EventStreamChange[] = [];
    await all(events(fetch, server.url, { ...soon, listener: (change) => changes.push(change) }));
    expect(changes).toEqual([
      { type: 'events.opened', reconnect: 0, lastEventId: '' },
      { type: 'events.interrupted', reconnect: 1, lastEventId: '1', delay: 0 },
      { type: 'events.interrupted', reconnect: 2, lastEventId: '1', delay: 0, error: expect.any(EventStreamError) },
      { type: 'events.opened', reconnect: 2, lastEventId: '1' },
      { type: 'events.interrupted', reconnect: 1, lastEventId: '2', delay: 0, error: expect.any(TypeError) },
    ]);
  });

  test.each([
    ['throw', (): void => raise()],
    ['reject', async (): Promise<void> => raise()],
  ])('may %s: the first error is on the console, and the stream goes on', async (_, listener) => {
    const console = vi.spyOn(globalThis.console, 'error').mockImplementation(() => {});
    await using server = await eventOrigin([sends('data: a\n\n')]);
    expect(await all(events(fetch, server.url, { ...soon, listener }))).toEqual([message('a')]);
    expect(console.mock.calls).toEqual([['kyoa: listener of events() threw', new Error('of the listener')]]);
    console.mockRestore();
  });
});

function raise(): never {
  throw new Error('of the listener');
}
