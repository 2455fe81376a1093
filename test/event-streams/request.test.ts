/** The request of a stream: its method, headers and body, and what the caller may give. */
import kyoa, { createFetch, KyoaError, timeout } from 'kyoa';
import { events, EventStreamError, type EventsOptions } from 'kyoa/events';
import { describe, expect, test } from 'vitest';

import { all, eventOrigin, eventStream, idsSent, message, replies, sends } from '../support/event-origin.ts';
import { reasonOf } from '../support/promises.ts';

const soon = { random: () => 0 };

const clients = [
  ['a plain fetch', fetch],
  ['createFetch', createFetch()],
  ['the client', kyoa.create({ use: [] })],
] as const;

describe.each(clients)('a stream of %s', (_, api) => {
  // Each of the three has options of its own type.
  const stream = events as (...args: [api: unknown, url: unknown, options?: unknown]) => ReturnType<typeof events>;

  test('is asked for as an event stream, with the headers of the caller', async () => {
    await using server = await eventOrigin([sends('id: 1\ndata: a\n\n')]);
    await all(stream(api, server.url, { ...soon, headers: { Authorization: 'Bearer 1', 'X-Tenant': 'a' } }));
    for (const { request } of server.exchanges)
      expect(request).toMatchObject({
        method: 'GET',
        headers: { accept: 'text/event-stream', authorization: 'Bearer 1', 'x-tenant': 'a' },
      });
    expect(server.exchanges).toHaveLength(2);
  });

  test.each([
    ['a record', { Accept: 'text/event-stream, application/json', 'Last-Event-ID': '7' }],
    [
      'a list',
      [
        ['ACCEPT', 'text/event-stream, application/json'],
        ['Last-Event-ID', '7'],
      ],
    ],
    ['Headers', new Headers({ Accept: 'text/event-stream, application/json', 'Last-Event-ID': '7' })],
  ])('has the headers of %s in place of its own, until it has an id', async (_, headers) => {
    await using server = await eventOrigin([sends('id: 8\ndata: a\n\n')]);
    await all(stream(api, server.url, { ...soon, headers }));
    expect(server.exchanges.map(({ request }) => request.headers.accept)).toEqual([
      'text/event-stream, application/json',
      'text/event-stream, application/json',
    ]);
    expect(idsSent(server)).toEqual(['7', '8']);
  });

  test('has the URL and the headers at the time of the call', async () => {
    await using server = await eventOrigin([sends('data: a\n\n'), sends('data: b\n\n')]);
    const url = new URL('/feed?a=1', server.url);
    const headers = { 'x-tenant': 'a' };
    const events = stream(api, url, { ...soon, headers });
    url.search = '?a=2';
    headers['x-tenant'] = 'b';
    await all(events);
    for (const { request } of server.exchanges)
      expect([request.url, request.headers['x-tenant']]).toEqual(['/feed?a=1', 'a']);
  });

  test('may be that of a Request', async () => {
    await using server = await eventOrigin([sends('id: 1\ndata: a\n\n'), sends('id: 2\ndata: b\n\n')]);
    const request = new Request(server.url, { headers: { 'x-tenant': 'a' } });
    expect(await all(stream(api, request, soon))).toEqual([message('a', '1'), message('b', '2')]);
    expect(idsSent(server)).toEqual([undefined, '1', '2']);
    for (const { request } of server.exchanges)
      expect(request.headers).toMatchObject({ accept: 'text/event-stream', 'x-tenant': 'a' });
  });

  test('is sent once for a POST, whose end ends the iteration', async () => {
    await using server = await eventOrigin([sends('id: 1\ndata: a\n\n')]);
    expect(await all(stream(api, server.url, { method: 'POST', body: 'x' }))).toEqual([message('a', '1')]);
    expect(server.exchanges).toHaveLength(1);
  });

  test('is sent once for a POST, whose break is thrown', async () => {
    await using server = await eventOrigin([sends('id: 1\ndata: a\n\n', 'break')]);
    const events = stream(api, server.url, { method: 'POST', body: 'x' });
    expect((await events.next()).value).toEqual(message('a', '1'));
    expect(await reasonOf(events.next())).toMatchObject({ message: 'terminated' });
    expect(server.exchanges).toHaveLength(1);
  });

  test('is sent once for a POST that is resumable, as long as there is no id', async () => {
    await using server = await eventOrigin([sends('data: a\n\n', 'break')]);
    const events = stream(api, server.url, { method: 'POST', body: 'x', resumable: true });
    expect((await events.next()).value).toEqual(message('a'));
    expect(await reasonOf(events.next())).toMatchObject({ message: 'terminated' });
    expect(server.exchanges).toHaveLength(1);
  });

  const form = new FormData();
  form.append('q', 'a');
  test.each<[string, BodyInit, string]>([
    ['text', 'q=a', 'q=a'],
    ['bytes', new TextEncoder().encode('q=a'), 'q=a'],
    ['a Blob', new Blob(['q=a']), 'q=a'],
    ['parameters', new URLSearchParams({ q: 'a' }), 'q=a'],
    ['a form', form, 'name="q"\r\n\r\na'],
  ])('is sent again with %s for a POST that is resumable, once there is an id', async (_, body, text) => {
    await using server = await eventOrigin([sends('id: 1\ndata: a\n\n', 'break'), sends('data: b\n\n')]);
    const events = stream(api, server.url, { ...soon, method: 'POST', body, resumable: true });
    expect(await all(events)).toEqual([message('a', '1'), message('b', '1')]);
    expect(idsSent(server)).toEqual([undefined, '1', '1']);
    for (const { request, body } of server.exchanges) {
      expect(request.method).toBe('POST');
      expect(String(await body)).toContain(text);
    }
  });

  test('has the bytes at the time of the call', async () => {
    await using server = await eventOrigin([sends('id: 1\ndata: a\n\n')]);
    const body = new TextEncoder().encode('before');
    const events = stream(api, server.url, { ...soon, method: 'POST', body, resumable: true });
    body.fill(0);
    await all(events);
    expect(await Promise.all(server.exchanges.map(async ({ body }) => String(await body)))).toEqual([
      'before',
      'before',
    ]);
  });

  test('is sent again for a Request with a body that is resumable', async () => {
    await using server = await eventOrigin([sends('id: 1\ndata: a\n\n'), sends('id: 2\ndata: b\n\n')]);
    const request = new Request(server.url, { method: 'POST', body: 'q=a' });
    expect(await all(stream(api, request, { ...soon, resumable: true }))).toHaveLength(2);
    expect(await Promise.all(server.exchanges.map(async ({ body }) => String(await body)))).toEqual([
      'q=a',
      'q=a',
      'q=a',
    ]);
  });

  test('sends a stream as a body once', async () => {
    await using server = await eventOrigin([sends('id: 1\ndata: a\n\n')]);
    const options = { method: 'POST', body: new Blob(['q=a']).stream(), duplex: 'half' };
    expect(await all(stream(api, server.url, options))).toEqual([message('a', '1')]);
    expect(String(await server.exchanges[0]!.body)).toBe('q=a');
  });

  test('ends with a GET that is not resumable', async () => {
    await using server = await eventOrigin([sends('id: 1\ndata: a\n\n')]);
    expect(await all(stream(api, server.url, { resumable: false }))).toEqual([message('a', '1')]);
    expect(server.exchanges).toHaveLength(1);
  });
});

describe('a stream of the client', () => {
  test('has its base URL, its headers, and JSON', async () => {
    await using server = await eventOrigin([sends('id: 1\ndata: a\n\n')]);
    const api = kyoa.create({ baseUrl: server.url, headers: { 'x-tenant': 'a', 'x-other': 'b' } });
    const options = { ...soon, method: 'POST', json: { prompt: 'Hello' }, headers: { 'x-other': undefined } };
    await all(events(api, 'chat', { ...options, searchParams: { model: 'm' }, resumable: true }));
    for (const { request, body } of server.exchanges) {
      expect(request).toMatchObject({
        url: '/chat?model=m',
        headers: { 'x-tenant': 'a', accept: 'text/event-stream' },
      });
      expect(request.headers['x-other']).toBeUndefined();
      expect(JSON.parse(String(await body))).toEqual({ prompt: 'Hello' });
    }
    expect(server.exchanges).toHaveLength(2);
  });

  test.each([{ json: { prompt: 'Hello' } }, { body: 'Hello' }])(
    'is sent once for its method `post` with %o',
    async (body) => {
      await using server = await eventOrigin([sends('id: 1\ndata: a\n\n', 'break')]);
      const stream = events(kyoa.post, server.url, { ...soon, ...body });
      await stream.next();
      expect(await reasonOf(stream.next())).toMatchObject({ message: 'terminated' });
      expect(server.exchanges.map(({ request }) => request.method)).toEqual(['POST']);
    },
  );

  test('rejects with its HTTPError, whose data is that of the server', async () => {
    await using server = await eventOrigin([
      ({ response }) => void response.writeHead(401, { 'content-type': 'application/json' }).end('{"error":"who?"}'),
    ]);
    const error = await reasonOf(events(kyoa, server.url, soon).next());
    expect(error).toMatchObject({ name: 'HTTPError', response: { status: 401 }, data: { error: 'who?' } });
  });

  test('follows a status that another request may change, and a network error', async () => {
    await using server = await eventOrigin([replies(503), sends('data: a\n\n'), ({ response }) => response.destroy()]);
    const api = kyoa.create({ use: [] });
    expect(await all(events(api, server.url, soon))).toEqual([message('a')]);
    expect(server.exchanges).toHaveLength(4);
  });
});

describe('`events`', () => {
  const url = 'http://api.example/';
  const given = (options: unknown) => () => events(fetch, url, options as EventsOptions);

  test.each<[unknown, string]>([
    [{ wait: 0 }, 'events wait must be a number of milliseconds above 0, got 0'],
    [{ silence: -1 }, 'events silence must be a number of milliseconds above 0, got -1'],
    [{ reconnects: 1.5 }, 'events reconnects must be a whole number of 0 or more, got 1.5'],
    [{ backoff: 100 }, 'events backoff must be a function, got 100'],
    [{ listener: {} }, 'events listener must be a function, got {}'],
    [{ random: 1 }, 'events random must be a function, got 1'],
    [{ resumable: 'yes' }, 'events resumable must be true or false, got "yes"'],
    [{ from: 7 }, 'events from must be a string, got 7'],
    [{ from: 'a\nb' }, 'events from must be a string without NUL and line breaks, got "a\\nb"'],
    [{ signal: {} }, 'events signal must be an AbortSignal, got {}'],
    [
      { method: 'POST', resumable: true, body: new ReadableStream() },
      'events resumable is true, but body is a stream, which can be sent once: pass text, bytes, a Blob or a form',
    ],
  ])('refuses %o', (options, message) => {
    expect(given(options)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION', message }));
  });

  test('refuses what is no client, fetch or response', () => {
    const wrong = events as (...args: unknown[]) => unknown;
    expect(() => wrong(url)).toThrow('events api must be a client, a fetch or a Response, got "http://api.example/"');
    expect(() => wrong(fetch)).toThrow('events url must be a string, a URL or a Request, got undefined');
    expect(() => wrong(fetch, 7)).toThrow('events url must be a string, a URL or a Request, got 7');
    expect(() => wrong(fetch, url, 7)).toThrow('events options must be an object, got 7');
  });

  test('rejects if `backoff` returns no delay', async () => {
    await using server = await eventOrigin([sends('')]);
    const error = await reasonOf(events(fetch, server.url, { backoff: () => Number.NaN }).next());
    expect(error).toMatchObject({ code: 'INVALID_OPTION' });
    expect(error).toBeInstanceOf(KyoaError);
  });

  test('sends nothing before the first event is asked for', async () => {
    await using server = await eventOrigin([]);
    const stream = events(fetch, server.url);
    expect(await stream.return()).toEqual({ value: undefined, done: true });
    expect(server.exchanges).toEqual([]);
  });
});

describe('the events of a response', () => {
  test('end with its body', async () => {
    await using server = await eventOrigin([sends('id: 1\ndata: a\n\ndata: [DONE]\n\n')]);
    expect(await all(events(await fetch(server.url)))).toEqual([message('a', '1'), message('[DONE]', '1')]);
    expect(server.exchanges).toHaveLength(1);
  });

  test('are none without a body', async () => {
    expect(await all(events(new Response(null, { status: 204 })))).toEqual([]);
    expect(await all(events(new Response(null, { headers: eventStream })))).toEqual([]);
  });

  test('reject with the error of the body', async () => {
    await using server = await eventOrigin([sends('data: a\n\n', 'break')]);
    const stream = events(await fetch(server.url));
    expect((await stream.next()).value).toEqual(message('a'));
    expect(await reasonOf(stream.next())).toMatchObject({ message: 'terminated' });
  });

  test('reject for a response that is no event stream, whose body stays readable', async () => {
    const response = Response.json({ error: 'slow down' }, { status: 429 });
    const error = await reasonOf(events(response).next());
    expect(error).toBeInstanceOf(EventStreamError);
    expect((error as Error).message).toBe('The response has the status 429; an event stream has 200');
    expect(await response.json()).toEqual({ error: 'slow down' });
  });

  test('are refused if the body was read', async () => {
    const read = new Response('data: a\n\n', { headers: eventStream });
    await read.text();
    expect(() => events(read)).toThrow('The body of the response has been read: pass a response that is unread');
    const locked = new Response('data: a\n\n', { headers: eventStream });
    locked.body!.getReader();
    expect(() => events(locked)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }));
  });

  test('are those of a clone, too', async () => {
    await using server = await eventOrigin([sends('data: a\n\n')]);
    const response = await createFetch({ use: [timeout({ idle: 5_000 })] })(server.url);
    const copy = response.clone();
    expect(await Promise.all([all(events(copy)), all(events(response))])).toEqual([[message('a')], [message('a')]]);
  });
});
