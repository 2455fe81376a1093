import fc from 'fast-check';
import { afterEach, describe, expect, test, vi } from 'vitest';
import {
  GivenRequest,
  lazyCopy,
  requestOf,
  type RequestChanges,
  type RequestLike,
} from '../../../src/core/engine/lazy-request.ts';

const url = 'http://api.example/';

function form(): FormData {
  const form = new FormData();
  form.append('a', 'body');
  return form;
}

const stream = (text = 'a body'): ReadableStream => new Blob([text]).stream();
async function* chunks() {
  yield new TextEncoder().encode('a ');
  yield new TextEncoder().encode('body');
}

const rereadable: readonly (readonly [name: string, make: () => BodyInit])[] = [
  ['a string', () => 'a body'],
  ['bytes', () => new TextEncoder().encode('a body')],
  ['an ArrayBuffer', () => new TextEncoder().encode('a body').buffer],
  ['a Blob', () => new Blob(['a body'], { type: 'text/css' })],
  ['a Blob without a type', () => new Blob(['a body'])],
  ['parameters', () => new URLSearchParams({ a: 'body' })],
  ['a form', form],
];
const readOnce: readonly (readonly [name: string, make: () => BodyInit])[] = [
  ['a stream', () => stream()],
  ['an async iterable', () => chunks() as unknown as BodyInit],
];
const all = [...rereadable, ...readOnce];
/** An async iterable becomes a stream. */
const unchanged = all.filter(([name]) => name !== 'an async iterable');

/** A POST of a URL and an init. */
const post = (body: BodyInit, init: RequestInit = {}): RequestLike =>
  requestOf(url, { method: 'POST', body, duplex: 'half', ...init } as RequestInit);

interface Sent {
  readonly type: string | null;
  readonly body: unknown;
}

/** What a fetch would send, without the boundary of a form, which must be that of its header. */
async function sentBy(request: RequestLike): Promise<Sent> {
  const sent = new Request(...request.fetchArguments({}));
  const type = sent.headers.get('content-type');
  if (type?.startsWith('multipart/') !== true) return { type, body: await sent.text() };
  return { type: 'multipart/form-data', body: [...(await sent.formData())] };
}

/** What fetch would send of this body without kyoa. */
function expected(body: BodyInit, headers: HeadersInit = {}): Promise<Sent> {
  const init = { method: 'POST', body, headers, duplex: 'half' } as RequestInit;
  return sentBy(new GivenRequest(new Request(url, init)));
}

function outcomeOf(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return (error as Error).name;
  }
}

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

describe('a request of a URL and an init', () => {
  test.each([
    ['http://api.example', {}],
    ['http://api.example/users/7?page=2#top', { headers: { 'X-Key': 'k' } }],
    ['https://API.example:443/a/../b c', { method: 'HEAD', redirect: 'manual' }],
    ['data:text/plain,hello', { cache: 'no-store', credentials: 'omit', mode: 'same-origin' }],
    ['http://api.example/', { method: 'delete', keepalive: true, integrity: 'sha256-x' }],
    ['http://api.example/', { method: 'PROPFIND', referrer: `${url}from`, referrerPolicy: 'no-referrer' }],
    ['http://api.example/', { method: 'patch' }],
  ] as [string, RequestInit][])('has the parts that its Request would have: %s %j', (input, init) => {
    const request = new Request(input, init);
    const lazy = requestOf(input, init);
    expect([lazy.method, lazy.url, lazy.body]).toEqual([request.method, request.url, null]);
    expect([...lazy.headers]).toEqual([...request.headers]);
    expect(lazy.header('x-key')).toBe(request.headers.get('x-key'));
    const { method: _method, headers: _headers, ...members } = init;
    expect(lazy.members).toEqual(members);
    expect(lazy.request).toMatchObject({ method: request.method, url: request.url, ...members });
  });

  test('has the URL that the platform would serialize', () => {
    const piece = fc.constantFrom(
      ...'/ . ? # % @ : & = \' " | \\ ^ ` { } [ ] < > é a Z 0 ~ ..  %2e /.. 80 http://'.split(' '),
      ' ',
      '\t',
    );
    const tail = fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join(''));
    const start = fc.constantFrom('http://api.example', 'https://127.0.0.1:8443', 'HTTP://api.example:80', 'ws://api');
    fc.assert(
      fc.property(start, tail, (start, tail) => {
        const input = start + tail;
        expect(outcomeOf(() => requestOf(input, {}).url)).toBe(outcomeOf(() => new Request(input).url));
      }),
      { numRuns: 2_000 },
    );
  });

  test('takes a URL object, and does not change with it', () => {
    const input = new URL('http://api.example/users');
    const lazy = requestOf(input, {});
    input.pathname = '/orders';
    expect([lazy.url, lazy.request.url]).toEqual(['http://api.example/users', 'http://api.example/users']);
  });

  test('takes an object that converts to a URL', () => {
    expect(requestOf({ toString: () => url } as unknown as string, {}).url).toBe(url);
  });

  test('does not change with the headers and the init of the caller', () => {
    const headers = new Headers({ a: '1' });
    const init: RequestInit = { headers, redirect: 'manual' };
    const lazy = requestOf(url, init);
    headers.set('a', '2');
    init.redirect = 'error';
    expect([lazy.header('a'), lazy.request.redirect]).toEqual(['1', 'manual']);
  });

  test('resolves a relative URL as the page and the worker do', () => {
    vi.stubGlobal('location', { href: 'http://api.example/a/b' });
    expect(requestOf('c?d', {}).url).toBe('http://api.example/a/c?d');
    vi.stubGlobal('document', { baseURI: 'http://base.example/x/' });
    expect(requestOf('c?d', {}).url).toBe('http://base.example/x/c?d');
    expect(requestOf('https://api.example/', {}).url).toBe('https://api.example/');
  });

  test.each<[string, string, RequestInit]>([
    ['a relative URL', '/users', {}],
    ['no URL', 'http://', {}],
    ['a URL with a name', 'http://ada@api.example/', {}],
    ['a URL with a password', 'http://:secret@api.example/', {}],
    ['a method that fetch forbids', url, { method: 'TRACE' }],
    ['a method that is no token', url, { method: 'GET IT' }],
    ['a GET with a body', url, { body: 'text' }],
    ['a HEAD with a body', url, { method: 'HEAD', body: 'text' }],
    ['a header that is none', url, { headers: { 'no token': 'x' } }],
    ['headers that are null', url, { headers: null as never }],
  ])('throws the error of the constructor of Request for %s', (_, input, init) => {
    const error = outcomeOf(() => new Request(input, init));
    expect(error).toBe('TypeError');
    const messageOf = (work: () => unknown): string => {
      try {
        return String(work());
      } catch (error) {
        return (error as Error).message;
      }
    };
    expect(messageOf(() => requestOf(input, init))).toBe(messageOf(() => new Request(input, init)));
  });

  test('creates its Request once, when it is first read', () => {
    const create = vi.spyOn(globalThis, 'Request');
    const lazy = post('a body', { headers: { a: '1' } });
    expect([lazy.method, lazy.url, lazy.header('a'), lazy.body]).toEqual(['POST', url, '1', 'a body']);
    lazy.fetchArguments({});
    lazy.derive({ headers: { b: '2' } }).fetchArguments({});
    expect(create).not.toHaveBeenCalled();
    const { request } = lazy;
    expect(lazy.request).toBe(request);
    expect(create).toHaveBeenCalledOnce();
  });

  test('shows the headers that code has set on its Request', () => {
    const lazy = requestOf(url, {});
    lazy.request.headers.set('x-tenant', 'blue');
    expect([lazy.header('X-Tenant'), lazy.headers.get('x-tenant')]).toEqual(['blue', 'blue']);
  });

  test.each(all)('has the content-type that the platform derives from %s', async (_, make) => {
    const { type } = await expected(make());
    const shown = post(make()).header('Content-Type');
    expect(shown?.replace(/;\s*boundary=.*/, '') ?? null).toBe(type);
    expect(post(make(), { headers: { 'content-type': 'x/y' } }).header('content-type')).toBe('x/y');
  });

  test('has the body as the caller passed it, at the time of the call', () => {
    const body = new Blob(['text']);
    expect(post(body).body).toBe(body);
    const bytes = new Uint8Array([1, 2]);
    const lazy = post(bytes);
    bytes.fill(0);
    expect(lazy.body).toEqual(new Uint8Array([1, 2]));
  });
});

describe('the arguments of a fetch', () => {
  test.each(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'QUERY', 'post', 'get', 'PROPFIND', 'patch'])(
    'are the URL and the init of a call that began as these: %s',
    (method) => {
      const init = { method, headers: { a: '1' }, redirect: 'manual', credentials: 'include' } as const;
      const [input, passed] = requestOf(`${url}?b=2`, init).fetchArguments({ priority: 'high' });
      expect(input).toBe(`${url}?b=2`);
      expect(passed).toMatchObject({ redirect: 'manual', credentials: 'include', priority: 'high' });
      expect(passed.method ?? 'GET').toBe(new Request(url, { method }).method);
      expect([...new Headers(passed.headers)]).toEqual([['a', '1']]);
    },
  );

  test('are a URL and an empty init for a GET without an init', () => {
    expect(requestOf(url, {}).fetchArguments({})).toEqual([url, {}]);
  });

  test.each(unchanged)('have %s as the caller passed it', (_, make) => {
    const body = make();
    const [input, init] = post(body).fetchArguments({});
    expect(input).toBe(url);
    expect(init.body).toStrictEqual(body);
  });

  test.each(all)('send %s with the type that the platform derives', async (_, make) => {
    expect(await sentBy(post(make()))).toEqual(await expected(make()));
  });

  test.each(readOnce)('send %s once, and never without its body', async (_, make) => {
    const lazy = post(make());
    expect(await sentBy(lazy)).toEqual(await expected(make()));
    await expect(async () => sentBy(lazy)).rejects.toThrow(TypeError);
    await expect(async () => sentBy(lazy.derive({ headers: { a: '1' } }))).rejects.toThrow(TypeError);
  });

  test.each(rereadable)('send %s again and again', async (_, make) => {
    const lazy = post(make());
    for (let n = 0; n < 3; n += 1) expect(await sentBy(lazy)).toEqual(await expected(make()));
  });

  test.each(all)('send %s whose Request has been cloned and read', async (_, make) => {
    const lazy = post(make());
    await lazy.request.clone().arrayBuffer();
    expect(await sentBy(lazy)).toEqual(await expected(make()));
  });

  test.each(rereadable)('send %s although its Request has been read', async (_, make) => {
    const lazy = post(make());
    await lazy.request.arrayBuffer();
    for (let n = 0; n < 2; n += 1) expect(await sentBy(lazy)).toEqual(await expected(make()));
  });

  test.each(readOnce)('refuse %s that has been read, and never send it without its body', async (_, make) => {
    const lazy = post(make());
    await lazy.request.arrayBuffer();
    await expect(async () => sentBy(lazy)).rejects.toThrow(TypeError);
  });

  test.each(all)('have the headers that code has set on the Request of %s', async (_, make) => {
    const lazy = post(make(), { headers: { a: '1' } });
    lazy.request.headers.set('b', '2');
    lazy.request.headers.delete('a');
    const [, init] = lazy.fetchArguments({});
    expect([new Headers(init.headers).get('a'), new Headers(init.headers).get('b')]).toEqual([null, '2']);
    expect(await sentBy(lazy)).toEqual(await expected(make()));
  });

  test.each(all.filter(([, make]) => make !== form))(
    'have no content-type if code has removed that of %s',
    async (_, make) => {
      const lazy = post(make());
      const original = (await expected(make())).body;
      lazy.request.headers.delete('content-type');
      const sent = new Request(...lazy.fetchArguments({}));
      expect(sent.headers.get('content-type')).toBe(null);
      expect(await sent.text()).toBe(original);
    },
  );

  test.each(all)('have the content-type that code has set on the Request of %s', async (_, make) => {
    const lazy = post(make());
    lazy.request.headers.set('content-type', 'x/y');
    expect(new Request(...lazy.fetchArguments({})).headers.get('content-type')).toBe('x/y');
  });

  test('keep a content-type that is empty, and the body with it', async () => {
    const derived = post('text').derive({ headers: { 'content-type': '' } });
    expect([derived.header('content-type'), derived.body]).toEqual(['', 'text']);
  });

  test('keep the referrer and its policy', () => {
    const members = { referrer: `${url}from`, referrerPolicy: 'no-referrer' } as const;
    const removed = post('a body', members);
    removed.request.headers.delete('content-type');
    for (const request of [
      requestOf(url, members),
      post('a body', members),
      removed,
      new GivenRequest(new Request(url, members)),
      requestOf(new Request(url, members), {}),
    ])
      expect(new Request(...request.fetchArguments({ priority: 'high' }))).toMatchObject(members);
  });

  test('do not reset the referrer of a Request whose referrer has its default', () => {
    const request = new Request(url);
    expect(new GivenRequest(request).fetchArguments({})).toEqual([request, {}]);
  });
});

describe('a Request of the caller', () => {
  test('is passed on as it is', () => {
    const request = new Request(url, { method: 'POST', body: 'text', headers: { a: '1' } });
    const given = requestOf(request, {});
    expect(given.request).toBe(request);
    expect(given.fetchArguments({})[0]).toBe(request);
    expect([given.method, given.url, given.header('A'), given.headers]).toEqual(['POST', url, '1', request.headers]);
    expect(given.body).toBeUndefined();
    expect(request.bodyUsed).toBe(false);
  });

  test('has no body if its method has none, or it was created without one', () => {
    for (const request of [new Request(url), new Request(url, { method: 'POST' })])
      expect(new GivenRequest(request).body).toBe(null);
  });

  test('has the members that do not have their defaults', () => {
    const members = {
      redirect: 'manual',
      credentials: 'omit',
      cache: 'no-store',
      integrity: 'sha256-x',
      keepalive: true,
      mode: 'same-origin',
      referrer: `${url}from`,
      referrerPolicy: 'origin',
    } as const;
    expect(new GivenRequest(new Request(url)).members).toEqual({});
    expect(new GivenRequest(new Request(url, members)).members).toEqual(members);
  });

  test.each(all)('with an init has its body, %s, as the caller passed it', async (_, make) => {
    const given = new Request(url, { method: 'PUT', headers: { a: '1' }, redirect: 'manual' });
    const body = make();
    const request = requestOf(given, { body, duplex: 'half' } as RequestInit);
    expect([request.method, request.header('a'), request.members.redirect]).toEqual(['PUT', '1', 'manual']);
    if (!(Symbol.asyncIterator in Object(body))) expect(request.body).toStrictEqual(body);
    expect(await sentBy(request)).toEqual(await expected(make()));
  });

  test('with an init is the Request that fetch would create', async () => {
    const given = new Request(url, { method: 'PUT', body: 'text', headers: { a: '1' } });
    const request = requestOf(given, { headers: { b: '2' }, redirect: 'error' });
    expect([request.method, request.header('a'), request.header('b')]).toEqual(['PUT', null, '2']);
    expect(request.members).toEqual({ redirect: 'error' });
    expect(await request.request.text()).toBe('text');
  });
});

describe.each<[string, (body: BodyInit | undefined, init?: RequestInit) => RequestLike]>([
  ['a URL and an init', (body, init) => (body === undefined ? requestOf(url, init ?? {}) : post(body, init))],
  [
    'a Request',
    (body, init) =>
      new GivenRequest(
        new Request(url, { ...(body !== undefined && { method: 'POST', body, duplex: 'half' }), ...init }),
      ),
  ],
])('what is derived from %s', (kind, make) => {
  const isGiven = kind === 'a Request';

  test('has other headers, and leaves the original as it is', () => {
    const request = make(undefined, { headers: { a: '1', b: '2', c: '3' } });
    const derived = request.derive({ headers: { B: 'new', c: undefined, d: '4' } });
    expect([...derived.headers]).toEqual([
      ['a', '1'],
      ['b', 'new'],
      ['d', '4'],
    ]);
    expect([...new Request(...derived.fetchArguments({})).headers]).toEqual([...derived.headers]);
    expect([...request.headers]).toEqual([
      ['a', '1'],
      ['b', '2'],
      ['c', '3'],
    ]);
  });

  test('keeps all other members', () => {
    const init = {
      method: 'PUT',
      credentials: 'include',
      cache: 'no-store',
      redirect: 'manual',
      referrer: `${url}from`,
      referrerPolicy: 'no-referrer',
      integrity: 'sha256-abc',
      keepalive: true,
    } as const;
    for (const changes of [{ headers: { a: '1' } }, { url: `${url}x` }, { body: 'another' }, { url, body: null }]) {
      const derived = make(undefined, init).derive(changes);
      expect(new Request(...derived.fetchArguments({}))).toMatchObject(init);
      expect(derived.request).toMatchObject(init);
    }
  });

  test('has other members of init', () => {
    const request = make(undefined, { redirect: 'manual', cache: 'no-store' });
    const derived = request.derive({ init: { redirect: 'error', credentials: 'omit' } });
    const members = { redirect: 'error', cache: 'no-store', credentials: 'omit' };
    expect(derived.members).toEqual(members);
    expect(new Request(...derived.fetchArguments({}))).toMatchObject(members);
    expect(request.members).toEqual({ redirect: 'manual', cache: 'no-store' });
  });

  test('does not follow the signal of the original', () => {
    const controller = new AbortController();
    const derived = new GivenRequest(new Request(url, { signal: controller.signal })).derive({ headers: { a: '1' } });
    controller.abort();
    expect(derived.request.signal.aborted).toBe(false);
  });

  test.each(all)('sends %s with other headers', async (_, body) => {
    const request = make(body());
    const derived = request.derive({ headers: { a: '1' } });
    expect(derived.header('a')).toBe('1');
    expect(await sentBy(derived)).toEqual(await expected(body()));
    expect(request.header('a')).toBe(null);
  });

  test.each(all)('sends %s to another URL', async (_, body) => {
    const derived = make(body()).derive({ url: 'http://b.example/x' });
    expect(derived.fetchArguments({})[0]).toBe('http://b.example/x');
    expect(derived.url).toBe('http://b.example/x');
    expect(await sentBy(derived)).toEqual(await expected(body()));
  });

  test.each(all)('sends %s in place of the former body', async (_, body) => {
    const replacement = body();
    const derived = make(new Uint8Array(3), { headers: { a: '1' } }).derive({ body: replacement });
    expect([derived.method, derived.header('a')]).toEqual(['POST', '1']);
    if (unchanged.some(([, make]) => make === body)) expect(derived.fetchArguments({})[1].body).toBe(replacement);
    expect(await sentBy(derived)).toEqual(await expected(body()));
  });

  test('has no body if that is null', async () => {
    const derived = make('a body').derive({ body: null });
    expect(derived.body).toBe(null);
    expect(new Request(...derived.fetchArguments({})).body).toBe(null);
  });

  test.each(all.filter(([, make]) => isGiven || make !== form))(
    'sends %s once its type has been removed',
    async (_, body) => {
      for (const name of ['content-type', 'Content-Type']) {
        const derived = make(body()).derive({ headers: { [name]: undefined } });
        const again = derived.derive({ headers: { a: '1' } });
        for (const request of [again, ...(isGiven ? [] : [derived])]) {
          expect([request.header('content-type'), request.headers.get('content-type')]).toEqual([null, null]);
          const sent = new Request(...request.fetchArguments({}));
          expect(sent.headers.get('content-type')).toBe(null);
          expect((await sent.arrayBuffer()).byteLength).toBeGreaterThan(0);
          if (readOnce.some(([, make]) => make === body)) break; // it can be sent once
        }
      }
    },
  );

  test.each(all)('sends %s with another type', async (_, body) => {
    const derived = make(body()).derive({ headers: { 'content-type': 'x/y' } });
    const type = (request: RequestLike): string | null =>
      new Request(...request.fetchArguments({})).headers.get('content-type');
    expect(derived.header('content-type')).toBe('x/y');
    expect(type(derived.derive({ headers: { a: '1' } }))).toBe('x/y');
  });
});

describe('what is derived from a URL and an init, again and again,', () => {
  test.each(rereadable)('sends %s whole each time, also after its Request was read', async (_, make) => {
    const request = post(make());
    for (const changes of [{ headers: { a: '1' } }, { url: 'http://b.example/' }, { init: { cache: 'no-store' } }, {}])
      expect(await sentBy(request.derive(changes as RequestChanges))).toEqual(await expected(make()));
    request.request.headers.set('b', '2');
    await request.request.text();
    for (const changes of [{ headers: { a: '1' } }, { url: 'http://b.example/' }, {}]) {
      const derived = request.derive(changes);
      expect(derived.header('b')).toBe('2');
      expect(await sentBy(derived)).toEqual(await expected(make()));
    }
  });

  test.each(readOnce)('sends %s once, also if its Request was cloned', async (_, make) => {
    const request = post(make());
    await request.request.clone().text();
    expect(await sentBy(request.derive({ headers: { a: '1' } }))).toEqual(await expected(make()));
    await expect(async () => sentBy(request.derive({ headers: { a: '2' } }))).rejects.toThrow(TypeError);
  });

  test.each(all)(
    'takes the type of another body, %s, also after the Request of the former was read',
    async (_, make) => {
      for (const former of ['text', new URLSearchParams('a=1'), form(), new Blob(['x'], { type: 'a/b' })]) {
        const request = post(former);
        expect(request.request.headers.has('content-type')).toBe(true);
        expect(await sentBy(request.derive({ body: make() }))).toEqual(await expected(make()));
      }
    },
  );

  test.each(all)('sends %s in place of a body that is no stream', async (_, make) => {
    const request = requestOf(url, { method: 'POST', body: 'text' });
    expect(await sentBy(request.derive({ body: make() }))).toEqual(await expected(make()));
  });

  test.each(all)('takes the type of another body, %s, if the type is removed with the former', async (_, make) => {
    const request = requestOf(url, { method: 'POST', body: '{}', headers: { 'content-type': 'application/json' } });
    const changes = { headers: { 'content-type': undefined }, body: make() };
    expect(await sentBy(request.derive(changes))).toEqual(await expected(make()));
  });

  test('keeps a type that the caller has written when the body changes', async () => {
    const request = post('text', { headers: { 'content-type': 'x/y' } });
    void request.request;
    expect((await sentBy(request.derive({ body: new URLSearchParams('a=1') }))).type).toBe('x/y');
    expect(await sentBy(request.derive({ body: form() }))).toEqual(await expected(form())); // its boundary is new
    const typed = request.derive({ body: form(), headers: { 'content-type': 'x/z' } });
    expect(typed.header('content-type')).toBe('x/z');
  });
});

describe('a lazy copy', () => {
  test.each(all)('of a Request sends %s', async (_, make) => {
    const init = { method: 'POST', headers: { a: '1' }, redirect: 'manual', body: make(), duplex: 'half' } as const;
    const request = new Request(url, init);
    const copy = lazyCopy(request, init.body);
    expect([copy.method, copy.header('a'), copy.members.redirect]).toEqual(['POST', '1', 'manual']);
    expect(await sentBy(copy)).toEqual(await expected(make()));
  });

  test('of a form has a boundary of its own', async () => {
    const request = new Request(url, { method: 'POST', body: form() });
    const type = lazyCopy(request, form()).header('content-type');
    expect(type).toMatch(/^multipart\/form-data; ?boundary=/);
    expect(type).not.toBe(request.headers.get('content-type'));
  });
});

describe('the Request of a stream', () => {
  test('is one without a body once the stream has been sent', async () => {
    const lazy = post(stream());
    expect(await new Request(...lazy.fetchArguments({})).text()).toBe('a body');
    expect(lazy.request).toMatchObject({ method: 'POST', body: null });
  });

  test('is refused without duplex, as the constructor of Request does', () => {
    const lazy = requestOf(url, { method: 'POST', body: stream() });
    expect(() => lazy.request).toThrow('duplex');
    expect(() => new Request(...lazy.fetchArguments({}))).toThrow('duplex');
  });
});
