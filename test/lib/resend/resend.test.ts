import { describe, expect, test } from 'vitest';
import { attemptOf, fork, type Context, type Fork } from '../../../src/core/context.ts';
import { requestOf, type RequestLike } from '../../../src/core/engine/lazy-request.ts';
import { resendable } from '../../../src/lib/resend.ts';
import { contextOf } from '../../support/context.ts';
import { origin, settled, type Exchange, type Origin } from '../../support/origin.ts';

interface Copies {
  /** The context of the first attempt. */
  readonly first: Context;
  /** The context of one more attempt. */
  next(): Promise<Context | undefined>;
  close(): void;
}

/** `resendable` for a call that is not aborted. */
function copiesOf(request: Request | RequestLike, changes: Fork = {}): Copies | undefined {
  const first = fork(contextOf({ request }), changes);
  const copies = resendable(first);
  if (copies === undefined) return undefined;
  const next = async (): Promise<Context | undefined> => {
    const again = await copies.next();
    return again && fork(first, again);
  };
  return { first, next, close: () => copies.close?.() };
}

/** Sends a request as the transport does. */
function send(ctx: Context): Promise<Response> {
  return fetch(...attemptOf(ctx).requestLike.fetchArguments({}));
}

const cap = 1024 * 1024;
const bytes = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

/** A URL and an init, as most callers write a request. */
function written(url: string, body: BodyInit, init: RequestInit = {}): RequestLike {
  return requestOf(url, { method: 'POST', body, ...init });
}

function form(): FormData {
  const form = new FormData();
  form.append('field', 'välue');
  form.append('field', 'another');
  form.append('file', new File(['content'], 'name.txt', { type: 'text/plain' }));
  form.append('blob', new Blob(['bare']));
  return form;
}

/** Sources of a body, the content type, and what arrives at the server. */
const bodies: Record<string, readonly [make: () => BodyInit, type: string | undefined, arrives: unknown]> = {
  'a string': [() => 'söme text', 'text/plain;charset=UTF-8', 'söme text'],
  'an empty string': [() => '', 'text/plain;charset=UTF-8', ''],
  'an ArrayBuffer': [() => bytes('an array buffer').buffer, undefined, 'an array buffer'],
  'a Uint8Array': [() => bytes('bytes'), undefined, 'bytes'],
  'a part of a buffer': [() => bytes('not all of it').subarray(4, 7), undefined, 'all'],
  'a DataView': [() => new DataView(bytes('not all of it').buffer, 4, 3), undefined, 'all'],
  'a Uint16Array': [() => new Uint16Array([0x6f_6f]), undefined, 'oo'],
  'a Blob': [() => new Blob(['a blob'], { type: 'text/css' }), 'text/css', 'a blob'],
  'a Blob without a type': [() => new Blob(['a blob']), undefined, 'a blob'],
  URLSearchParams: [
    () => new URLSearchParams({ a: '1', b: 'ü & so on' }),
    'application/x-www-form-urlencoded;charset=UTF-8',
    'a=1&b=%C3%BC+%26+so+on',
  ],
  'a FormData': [
    form,
    'multipart/form-data',
    [
      ['field', 'välue'],
      ['field', 'another'],
      ['file', 'name.txt', 'text/plain', 'content'],
      ['blob', 'blob', 'application/octet-stream', 'bare'],
    ],
  ],
};

/** Responds when the whole body has arrived. */
const echo = ({ body, response }: Exchange): void => void body.then(() => response.end());

interface Arrived {
  readonly method: string | undefined;
  readonly type: string | undefined;
  readonly body: unknown;
}

/** What arrived at the server. A form is shown as its fields, because each request has another boundary. */
async function arrived(server: Origin): Promise<readonly Arrived[]> {
  return Promise.all(
    server.exchanges.map(async ({ request, body }) => {
      const { method } = request;
      const type = request.headers['content-type'];
      if (!type?.startsWith('multipart/form-data;')) return { method, type, body: (await body).toString() };
      const parsed = await new Response(new Uint8Array(await body), { headers: { 'content-type': type } }).formData();
      const fields = [...parsed].map(async ([name, value]) =>
        typeof value === 'string' ? [name, value] : [name, value.name, value.type, await value.text()],
      );
      return { method, type: 'multipart/form-data', body: await Promise.all(fields) };
    }),
  );
}

/** Sends three attempts. */
async function sendThrice(copies: Copies, between: () => void = () => {}): Promise<void> {
  await (await send(copies.first)).text();
  between();
  for (let n = 0; n < 2; n += 1) await (await send((await copies.next())!)).text();
  copies.close?.();
}

/** A stream of 64 KiB chunks, endless without a length, and how much of it was pulled. */
function source(length = Infinity) {
  const record = { pulled: 0, cancelled: undefined as unknown };
  const stream = new ReadableStream<Uint8Array<ArrayBuffer>>(
    {
      pull(controller) {
        const size = Math.min(65_536, length - record.pulled);
        if (size <= 0) return controller.close();
        record.pulled += size;
        controller.enqueue(new Uint8Array(size).fill(120));
      },
      cancel: (reason) => void (record.cancelled = reason ?? 'cancelled'),
    },
    { highWaterMark: 0 },
  );
  return { stream, record };
}

function streaming(url: string, body: BodyInit): Request {
  return new Request(url, { method: 'PUT', body, duplex: 'half' } as RequestInit);
}

describe('resendable', () => {
  test.for(Object.keys(bodies))('sends %s whole each time', async (name) => {
    await using server = await origin(echo);
    const [make, type, arrives] = bodies[name]!;
    await sendThrice(copiesOf(written(server.url, make()))!);
    const each = { method: 'POST', type, body: arrives };
    expect(await arrived(server)).toEqual([each, each, each]);
  });

  test.for<[string, BodyInit, (body: never) => void]>([
    ['a Uint8Array', bytes('before'), (body: Uint8Array) => body.set(bytes('AFTER!'))],
    ['an ArrayBuffer', bytes('before').buffer, (body: ArrayBuffer) => new Uint8Array(body).set(bytes('AFTER!'))],
    ['a part of a buffer', bytes('before').subarray(1, 4), (body: Uint8Array) => body.fill(0)],
    ['URLSearchParams', new URLSearchParams({ a: 'before' }), (body: URLSearchParams) => body.set('a', 'after')],
    ['a FormData', form(), (body: FormData) => body.set('field', 'after')],
  ])('sends %s as it was at first, although the caller has changed it since', async ([, body, change]) => {
    await using server = await origin(echo);
    const copies = copiesOf(written(server.url, body))!;
    await sendThrice(copies, () => change(body as never));
    const [first, ...others] = await arrived(server);
    expect(others).toEqual([first, first]);
  });

  test.for<[string, BodyInit, (body: never) => void]>([
    ['a Uint8Array', bytes('before'), (body: Uint8Array) => body.set(bytes('AFTER!'))],
    ['an ArrayBuffer', bytes('before').buffer, (body: ArrayBuffer) => new Uint8Array(body).set(bytes('AFTER!'))],
    ['URLSearchParams', new URLSearchParams({ a: 'before' }), (body: URLSearchParams) => body.set('a', 'after')],
    ['a FormData', form(), (body: FormData) => body.set('field', 'after')],
  ])('sends %s as it was when the call was made, not when the policy ran', async ([, body, change]) => {
    await using server = await origin(echo);
    const request = written(server.url, body);
    change(body as never); // while an outer policy waits for its storage
    await sendThrice(copiesOf(request)!);
    const [first, ...others] = await arrived(server);
    expect(others).toEqual([first, first]);
  });

  test('names the boundary of each form in its header', async () => {
    await using server = await origin(echo);
    await sendThrice(copiesOf(written(server.url, form()))!);
    const boundaries = await Promise.all(
      server.exchanges.map(async ({ request, body }) => {
        const boundary = /boundary=(.+)$/.exec(request.headers['content-type']!)![1]!;
        expect((await body).toString()).toContain(`--${boundary}--`);
        return boundary;
      }),
    );
    expect(new Set(boundaries).size).toBe(3); // so no header was copied
  });

  test.for([
    ['a URL and an init', written],
    ['a Request', streaming],
  ] as const)('sends the whole body after a first attempt whose connection broke, for %s', async ([, make]) => {
    await using server = await origin((exchange) => {
      const { request } = exchange;
      if (server.exchanges.length > 1) echo(exchange);
      else request.once('data', () => request.socket.resetAndDestroy());
    });
    const copies = copiesOf(make(server.url, new Uint8Array(cap).fill(120)))!;
    await expect(send(copies.first)).rejects.toThrow('fetch failed');
    await (await send((await copies.next())!)).text();
    expect(await server.exchanges[1]!.body).toHaveLength(cap);
  });

  test.for([
    ['a URL and an init', written],
    ['a Request', streaming],
  ] as const)('sends the whole body after a response that came before its end, for %s', async ([, make]) => {
    await using server = await origin((exchange) => {
      if (server.exchanges.length > 1) echo(exchange);
      else exchange.response.writeHead(503).end();
    });
    const copies = copiesOf(make(server.url, new Uint8Array(cap).fill(120)))!;
    expect((await send(copies.first)).status).toBe(503);
    await (await send((await copies.next())!)).text();
    expect(await server.exchanges[1]!.body).toHaveLength(cap);
  });

  test('has no limit for a body that the caller passed beside the URL', async () => {
    await using server = await origin(echo);
    await sendThrice(copiesOf(written(server.url, new Uint8Array(8 * cap)))!);
    const lengths = await Promise.all(server.exchanges.map(async ({ body }) => (await body).length));
    expect(lengths).toEqual([8 * cap, 8 * cap, 8 * cap]);
  });

  test.for(['a URL and an init', 'a Request'])('keeps all other members of %s', async (kind) => {
    const url = 'http://api.example/path?a=1';
    const init = {
      method: 'PUT',
      body: form(),
      headers: { 'x-kind': 'kept', authorization: 'Bearer token' },
      credentials: 'include',
      cache: 'no-store',
      redirect: 'manual',
      referrer: 'http://api.example/from',
      referrerPolicy: 'no-referrer',
      integrity: 'sha256-abc',
      keepalive: true,
    } as const;
    const copies = copiesOf(kind === 'a Request' ? new Request(url, init) : requestOf(url, init))!;
    const again = (await copies.next())!;
    const { body: _body, headers, ...members } = init;
    expect(new Request(...attemptOf(again).requestLike.fetchArguments({}))).toMatchObject({ url, ...members });
    expect(Object.fromEntries(again.headers)).toMatchObject(headers);
    copies.close?.();
  });

  test.for<[string, Request | RequestLike]>([
    ['a GET', requestOf('http://api.example/', {})],
    ['a POST', written('http://api.example/', 'text')],
    ['a Request of a GET', new Request('http://api.example/')],
    ['a Request of a HEAD', new Request('http://api.example/', { method: 'HEAD' })],
    ['a Request of a POST without a body', new Request('http://api.example/', { method: 'POST' })],
  ])('changes nothing of %s and copies nothing', async ([, request]) => {
    const copies = resendable(contextOf({ request }))!;
    for (let n = 0; n < 3; n += 1) expect(await copies.next()).toEqual({});
    copies.close?.();
    if (request instanceof Request) expect(request.bodyUsed).toBe(false);
  });

  test.for<[string, () => BodyInit]>([
    ['a stream', () => source().stream],
    [
      'an async iterable',
      () =>
        ({
          async *[Symbol.asyncIterator]() {
            yield bytes('part');
          },
        }) as unknown as BodyInit,
    ],
  ])('is undefined for %s, which stays unread', ([, make]) => {
    const lazy = written('http://api.example/', make(), { duplex: 'half' } as RequestInit);
    expect(copiesOf(lazy)).toBeUndefined();
    const { request } = lazy;
    expect([request.bodyUsed, request.body!.locked]).toEqual([false, false]);
  });
});

describe('resendable for the body of a Request', () => {
  test.for(Object.keys(bodies))('sends %s whole each time', async (name) => {
    await using server = await origin(echo);
    const [make, type, arrives] = bodies[name]!;
    await sendThrice(copiesOf(new Request(server.url, { method: 'POST', body: make() }))!);
    const each = { method: 'POST', type, body: arrives };
    expect(await arrived(server)).toEqual([each, each, each]);
    const [one, ...rest] = server.exchanges.map(({ request }) => request.headers['content-type']);
    expect(rest).toEqual([one, one]); // the same bytes, with the same boundary
  });

  test('keeps a stream of up to 1 MiB while it is sent', async () => {
    await using server = await origin(echo);
    const { stream } = source(cap);
    await sendThrice(copiesOf(streaming(server.url, stream))!);
    const lengths = await Promise.all(server.exchanges.map(async ({ body }) => (await body).length));
    expect(lengths).toEqual([cap, cap, cap]);
  });

  test('resolves to undefined for a longer stream, whose first attempt is whole', async () => {
    await using server = await origin(echo);
    const { stream } = source(cap + 1);
    const copies = copiesOf(streaming(server.url, stream))!;
    await (await send(copies.first)).text();
    expect(await copies.next()).toBeUndefined();
    copies.close?.();
    expect(await server.exchanges[0]!.body).toHaveLength(cap + 1);
  });

  test('keeps no more than 1 MiB', async () => {
    const { stream, record } = source();
    const copies = copiesOf(streaming('http://api.example/', stream))!;
    expect(await copies.next()).toBeUndefined();
    const most = cap + 2 * 65_536;
    expect(record.pulled).toBeLessThanOrEqual(most);
    await settled();
    expect(record.pulled).toBeLessThanOrEqual(most);
  });

  test('lets the first attempt cancel a longer stream', async () => {
    const { stream, record } = source();
    const copies = copiesOf(streaming('http://api.example/', stream))!;
    expect(await copies.next()).toBeUndefined();
    expect(record.cancelled).toBeUndefined();
    await copies.first.request.body!.cancel('enough');
    expect(record.cancelled).toBeDefined();
  });

  test('reads no further once it is closed', async () => {
    const { stream, record } = source();
    const copies = copiesOf(streaming('http://api.example/', stream))!;
    copies.close?.();
    const pulled = record.pulled;
    await settled();
    expect(record.pulled).toBeLessThanOrEqual(pulled + 65_536);
    await copies.first.request.body!.cancel('enough');
    expect(record.cancelled).toBeDefined();
  });

  test('never sends a part of the body, although it is closed while the body arrives', async () => {
    let controller: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>;
    const stream = new ReadableStream<Uint8Array<ArrayBuffer>>({ start: (own) => void (controller = own) });
    const copies = copiesOf(streaming('http://api.example/', stream))!;
    controller!.enqueue(bytes('part'));
    await settled();
    const again = copies.next();
    copies.close?.();
    expect(await again).toBeUndefined();
  });

  test('resolves to undefined once it is closed', async () => {
    const { stream } = source(65_536);
    const copies = copiesOf(streaming('http://api.example/', stream))!;
    copies.close?.();
    expect(await copies.next()).toBeUndefined();
  });

  test('resolves to undefined for a stream that fails', async () => {
    const stream = new ReadableStream({
      start(controller) {
        controller.enqueue(bytes('part'));
      },
      pull(controller) {
        controller.error(new Error('of the source'));
      },
    });
    const copies = copiesOf(streaming('http://api.example/', stream))!;
    expect(await copies.next()).toBeUndefined();
    await expect(copies.first.request.text()).rejects.toThrow('of the source');
  });

  test('can be closed twice', async () => {
    const copies = copiesOf(new Request('http://api.example/', { method: 'POST', body: 'text' }))!;
    expect(await (await copies.next())!.request.text()).toBe('text');
    copies.close?.();
    copies.close?.();
    await settled();
  });
});

describe('resendable for a fork with other headers', () => {
  const changes = { headers: { 'x-attempt': '2' } };

  test('has no limit for a body that the caller passed beside the URL', async () => {
    const body = 'x'.repeat(2 * cap); // longer than what is kept of a Request
    const again = (await copiesOf(written('http://api.example/', body), changes)!.next())!;
    expect(again.header('x-attempt')).toBe('2');
    expect(await again.request.text()).toHaveLength(2 * cap);
  });

  test('is undefined for a stream', () => {
    const request = written('http://api.example/', source().stream, { duplex: 'half' } as RequestInit);
    expect(copiesOf(request, changes)).toBeUndefined();
  });

  test('keeps the body of a Request', async () => {
    const again = (await copiesOf(streaming('http://api.example/', 'text'), changes)!.next())!;
    expect([again.header('x-attempt'), await again.request.text()]).toEqual(['2', 'text']);
  });
});
