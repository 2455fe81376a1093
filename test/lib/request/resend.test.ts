import { describe, expect, test } from 'vitest';
import { bodySource, setBodySource } from '../../../src/core/engine/body-source.ts';
import { derive, withHeaders } from '../../../src/core/engine/derive.ts';
import { resendable as replayUnder, type Resendable } from '../../../src/lib/request/resend.ts';
import { contextOf } from '../../support/context.ts';
import { origin, settled, type Exchange, type Origin } from '../../support/origin.ts';

interface Copies extends Resendable {
  /** The request itself is what is sent first. */
  readonly first: Request;
}

/** Under a call that is not aborted. */
function replay(first: Request): Copies | undefined {
  const copies = replayUnder(contextOf({ request: first }));
  return copies && { first, ...copies };
}

const cap = 1024 * 1024;
const bytes = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

/** A request as a face makes it: with a note of what its body was made of. */
function noted(url: string, body: BodyInit, init: RequestInit = {}): Request {
  const request = new Request(url, { method: 'POST', body, ...init });
  setBodySource(request, body);
  return request;
}

function form(): FormData {
  const form = new FormData();
  form.append('field', 'välue');
  form.append('field', 'another');
  form.append('file', new File(['content'], 'name.txt', { type: 'text/plain' }));
  form.append('blob', new Blob(['bare']));
  return form;
}

/** What a body is made of, its content type, and what is to arrive of it. */
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

/** Answers when it has the whole of the body. */
const echo = ({ body, answer }: Exchange): void => void body.then(() => answer.end());

interface Arrived {
  readonly method: string | undefined;
  readonly type: string | undefined;
  readonly body: unknown;
}

/** What arrived at the server; of a form its fields, because its boundary is another each time. */
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

/** Sends the first and twice more; the server is to see the same thing three times. */
async function sendThrice(copies: Copies, between: () => void = () => {}): Promise<void> {
  await (await fetch(copies.first)).text();
  between();
  for (let n = 0; n < 2; n += 1) await (await fetch((await copies.next())!)).text();
  copies.close();
}

/** A stream of 64 KiB chunks that notes how many it was asked for; without a length it has no end. */
function source(length = Infinity) {
  const noted = { pulled: 0, cancelled: undefined as unknown };
  const stream = new ReadableStream<Uint8Array<ArrayBuffer>>(
    {
      pull(controller) {
        const size = Math.min(65_536, length - noted.pulled);
        if (size <= 0) return controller.close();
        noted.pulled += size;
        controller.enqueue(new Uint8Array(size).fill(120));
      },
      cancel: (reason) => void (noted.cancelled = reason ?? 'cancelled'),
    },
    { highWaterMark: 0 },
  );
  return { stream, noted };
}

function streaming(url: string, body: BodyInit): Request {
  return new Request(url, { method: 'PUT', body, duplex: 'half' } as RequestInit);
}

describe('replay', () => {
  test.for(Object.keys(bodies))('sends %s whole each time', async (name) => {
    await using server = await origin(echo);
    const [make, type, arrives] = bodies[name]!;
    await sendThrice(replay(noted(server.url, make()))!);
    const each = { method: 'POST', type, body: arrives };
    expect(await arrived(server)).toEqual([each, each, each]);
  });

  test.for<[string, BodyInit, (body: never) => void]>([
    ['a Uint8Array', bytes('before'), (body: Uint8Array) => body.set(bytes('AFTER!'))],
    ['an ArrayBuffer', bytes('before').buffer, (body: ArrayBuffer) => new Uint8Array(body).set(bytes('AFTER!'))],
    ['a part of a buffer', bytes('before').subarray(1, 4), (body: Uint8Array) => body.fill(0)],
    ['URLSearchParams', new URLSearchParams({ a: 'before' }), (body: URLSearchParams) => body.set('a', 'after')],
    ['a FormData', form(), (body: FormData) => body.set('field', 'after')],
  ])('sends %s as it was, though its owner has changed it since', async ([, body, change]) => {
    await using server = await origin(echo);
    const copies = replay(noted(server.url, body))!;
    await sendThrice(copies, () => change(body as never));
    const [first, ...others] = await arrived(server);
    expect(others).toEqual([first, first]);
  });

  test.for<[string, BodyInit, (body: never) => void]>([
    ['a Uint8Array', bytes('before'), (body: Uint8Array) => body.set(bytes('AFTER!'))],
    ['an ArrayBuffer', bytes('before').buffer, (body: ArrayBuffer) => new Uint8Array(body).set(bytes('AFTER!'))],
    ['URLSearchParams', new URLSearchParams({ a: 'before' }), (body: URLSearchParams) => body.set('a', 'after')],
    ['a FormData', form(), (body: FormData) => body.set('field', 'after')],
  ])('sends %s as it was when the call was made, not when the policy had its turn', async ([, body, change]) => {
    await using server = await origin(echo);
    const request = noted(server.url, body);
    change(body as never); // while a policy further out waits for its storage
    await sendThrice(replay(request)!);
    const [first, ...others] = await arrived(server);
    expect(others).toEqual([first, first]);
  });

  test('names the boundary of each form in its header', async () => {
    await using server = await origin(echo);
    await sendThrice(replay(noted(server.url, form()))!);
    const boundaries = await Promise.all(
      server.exchanges.map(async ({ request, body }) => {
        const boundary = /boundary=(.+)$/.exec(request.headers['content-type']!)![1]!;
        expect((await body).toString()).toContain(`--${boundary}--`);
        return boundary;
      }),
    );
    expect(new Set(boundaries).size).toBe(3); // so the header cannot have been copied
  });

  test.for([
    ['known', noted],
    ['unknown', streaming],
  ] as const)('sends whole what was cut the first time, of %s origin', async ([, make]) => {
    await using server = await origin((exchange) => {
      const { request } = exchange;
      if (server.exchanges.length > 1) echo(exchange);
      else request.once('data', () => request.socket.resetAndDestroy());
    });
    const copies = replay(make(server.url, new Uint8Array(cap).fill(120)))!;
    await expect(fetch(copies.first)).rejects.toThrow('fetch failed');
    await (await fetch((await copies.next())!)).text();
    expect(await server.exchanges[1]!.body).toHaveLength(cap);
  });

  test.for([
    ['known', noted],
    ['unknown', streaming],
  ] as const)('sends whole what was answered before it had arrived, of %s origin', async ([, make]) => {
    await using server = await origin((exchange) => {
      if (server.exchanges.length > 1) echo(exchange);
      else exchange.answer.writeHead(503).end();
    });
    const copies = replay(make(server.url, new Uint8Array(cap).fill(120)))!;
    expect((await fetch(copies.first)).status).toBe(503);
    await (await fetch((await copies.next())!)).text();
    expect(await server.exchanges[1]!.body).toHaveLength(cap);
  });

  test('has no cap for what its owner holds anyway', async () => {
    await using server = await origin(echo);
    await sendThrice(replay(noted(server.url, new Uint8Array(8 * cap)))!);
    const lengths = await Promise.all(server.exchanges.map(async ({ body }) => (await body).length));
    expect(lengths).toEqual([8 * cap, 8 * cap, 8 * cap]);
  });

  test('leaves everything else of the request as it was', async () => {
    const controller = new AbortController();
    const request = noted('http://api.example/path?a=1', form(), {
      method: 'PUT',
      headers: { 'x-kind': 'kept', authorization: 'Bearer token' },
      credentials: 'include',
      cache: 'no-store',
      redirect: 'manual',
      referrer: 'http://api.example/from',
      referrerPolicy: 'no-referrer',
      integrity: 'sha256-abc',
      keepalive: true,
      signal: controller.signal,
    });
    const again = (await replay(request)!.next())!;
    for (const member of [
      'method',
      'url',
      'credentials',
      'cache',
      'redirect',
      'integrity',
      'keepalive',
      'mode',
      'referrer',
      'referrerPolicy',
    ] as const) {
      expect([member, again[member]]).toEqual([member, request[member]]);
    }
    expect(again.headers.get('x-kind')).toBe('kept');
    expect(again.headers.get('authorization')).toBe('Bearer token');
    controller.abort('enough');
    expect(again.signal.reason).toBe('enough');
  });

  test.for<[string, Request]>([
    ['a GET', new Request('http://api.example/')],
    ['a HEAD', new Request('http://api.example/', { method: 'HEAD' })],
    ['a POST without a body', new Request('http://api.example/', { method: 'POST' })],
  ])('sends %s itself each time and copies nothing', async ([, request]) => {
    const copies = replay(request)!;
    expect([await copies.next(), await copies.next()]).toEqual([request, request]);
    expect(await copies.next()).toBe(request);
    copies.close();
  });

  test('reads nothing of a body that its owner holds', () => {
    const request = noted('http://api.example/', 'text');
    expect(replay(request)).toBeDefined();
    expect(request.bodyUsed).toBe(false);
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
  ])('cannot be had of %s, which is left as it is', ([, make]) => {
    const body = make();
    const request = noted('http://api.example/', body, { duplex: 'half' } as RequestInit);
    expect(replay(request)).toBeUndefined();
    expect([request.bodyUsed, request.body!.locked]).toEqual([false, false]);
  });
});

describe('replay of a request of unknown origin', () => {
  test.for(Object.keys(bodies))('sends %s whole each time', async (name) => {
    await using server = await origin(echo);
    const [make, type, arrives] = bodies[name]!;
    await sendThrice(replay(new Request(server.url, { method: 'POST', body: make() }))!);
    const each = { method: 'POST', type, body: arrives };
    expect(await arrived(server)).toEqual([each, each, each]);
    const [one, ...rest] = server.exchanges.map(({ request }) => request.headers['content-type']);
    expect(rest).toEqual([one, one]); // its bytes are the same, so the boundary is
  });

  test('records a stream while it is sent, up to 1 MiB', async () => {
    await using server = await origin(echo);
    const { stream } = source(cap);
    await sendThrice(replay(streaming(server.url, stream))!);
    const lengths = await Promise.all(server.exchanges.map(async ({ body }) => (await body).length));
    expect(lengths).toEqual([cap, cap, cap]);
  });

  test('refuses what is longer, and sends the first whole', async () => {
    await using server = await origin(echo);
    const { stream } = source(cap + 1);
    const copies = replay(streaming(server.url, stream))!;
    await (await fetch(copies.first)).text();
    expect(await copies.next()).toBeUndefined();
    copies.close();
    expect(await server.exchanges[0]!.body).toHaveLength(cap + 1);
  });

  test('does not buffer on once it has refused', async () => {
    const { stream, noted } = source();
    const copies = replay(streaming('http://api.example/', stream))!;
    expect(await copies.next()).toBeUndefined();
    const most = cap + 2 * 65_536;
    expect(noted.pulled).toBeLessThanOrEqual(most);
    await settled();
    expect(noted.pulled).toBeLessThanOrEqual(most);
  });

  test('lets go of the source with the first, once it has refused', async () => {
    const { stream, noted } = source();
    const copies = replay(streaming('http://api.example/', stream))!;
    expect(await copies.next()).toBeUndefined();
    expect(noted.cancelled).toBeUndefined();
    await copies.first.body!.cancel('enough');
    expect(noted.cancelled).toBeDefined();
  });

  test('lets go when it is closed: the source is the first’s alone', async () => {
    const { stream, noted } = source();
    const copies = replay(streaming('http://api.example/', stream))!;
    copies.close();
    const pulled = noted.pulled;
    await settled();
    expect(noted.pulled).toBeLessThanOrEqual(pulled + 65_536);
    await copies.first.body!.cancel('enough');
    expect(noted.cancelled).toBeDefined();
  });

  test('is never a part of the body, though it is closed while that is still on its way', async () => {
    let controller: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>;
    const stream = new ReadableStream<Uint8Array<ArrayBuffer>>({ start: (own) => void (controller = own) });
    const copies = replay(streaming('http://api.example/', stream))!;
    controller!.enqueue(bytes('part'));
    await settled();
    const again = copies.next();
    copies.close();
    expect(await again).toBeUndefined();
  });

  test('is not to be had once it is closed', async () => {
    const { stream } = source(65_536);
    const copies = replay(streaming('http://api.example/', stream))!;
    copies.close();
    expect(await copies.next()).toBeUndefined();
  });

  test('is not to be had of a stream that fails', async () => {
    const stream = new ReadableStream({
      start(controller) {
        controller.enqueue(bytes('part'));
      },
      pull(controller) {
        controller.error(new Error('of the source'));
      },
    });
    const copies = replay(streaming('http://api.example/', stream))!;
    expect(await copies.next()).toBeUndefined();
    await expect(copies.first.text()).rejects.toThrow('of the source');
  });

  test('closes twice without harm, also after the end', async () => {
    const copies = replay(new Request('http://api.example/', { method: 'POST', body: 'text' }))!;
    expect(await (await copies.next())!.text()).toBe('text');
    copies.close();
    copies.close();
    await settled();
  });
});

describe('replay of a derived request', () => {
  test('knows the origin of its body', async () => {
    const body = 'x'.repeat(2 * cap); // more than would be recorded
    const derived = derive(noted('http://api.example/', body), { headers: { 'x-attempt': '2' } });
    const again = (await replay(derived)!.next())!;
    expect(again.headers.get('x-attempt')).toBe('2');
    expect(await again.text()).toHaveLength(2 * cap);
  });

  test('cannot be had where the origin was a stream', () => {
    const request = noted('http://api.example/', source().stream, { duplex: 'half' } as RequestInit);
    expect(replay(derive(request, {}))).toBeUndefined();
  });

  test('is recorded where the origin is unknown', async () => {
    const derived = derive(new Request('http://api.example/', { method: 'POST', body: 'text' }), {});
    expect(await (await replay(derived)!.next())!.text()).toBe('text');
  });

  test('keeps the referrer and its policy', () => {
    const request = new Request('http://api.example/', {
      referrer: 'http://api.example/from',
      referrerPolicy: 'no-referrer',
    });
    expect(derive(request, { headers: { 'x-attempt': '2' } })).toMatchObject({
      referrer: request.referrer,
      referrerPolicy: 'no-referrer',
    });
  });
});

test('a header more leaves the request as it was, and its note with it', () => {
  const request = noted('http://api.example/', 'a body', { headers: { a: '1', b: '2' }, referrer: '' });
  const changed = withHeaders(request, { b: '3' });
  expect(Object.fromEntries(changed.headers)).toMatchObject({ a: '1', b: '3' });
  expect(request.headers.get('b')).toBe('2');
  expect([changed.method, changed.referrer, bodySource(changed)]).toEqual(['POST', '', 'a body']);
});
