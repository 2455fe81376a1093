/** The requests that the client sends. */
import { describe, expect } from 'vitest';
import type { Options } from '../../src/index.ts';
import { clients, test, type Seen } from './server.ts';

const shortcuts = ['get', 'post', 'put', 'patch', 'delete', 'query'] as const;

describe.each(clients)('$name as a client', ({ client }) => {
  test('sends a GET when called as a function', async ({ server }) => {
    const response = await client(`${server.origin}/users?page=2`);

    expect(await response.json<Seen>()).toMatchObject({ method: 'GET', url: '/users?page=2' });
    expect(server.requests).toHaveLength(1);
  });

  test('has a shortcut for each method', async ({ server }) => {
    for (const method of shortcuts) {
      const { method: seen } = await client[method](server.origin).json<Seen>();
      expect(seen).toBe(method.toUpperCase());
    }
    const response = await client.head(server.origin);
    expect(await response.text()).toBe('');
    expect(server.last.method).toBe('HEAD');
    expect(server.requests).toHaveLength(7);
  });

  test('takes the method as an option, in any case', async ({ server }) => {
    await client(server.origin, { method: 'put' });
    expect(server.last.method).toBe('PUT');
    await client(server.origin, { method: 'OPTIONS' });
    expect(server.last.method).toBe('OPTIONS');
    await client.post(server.origin, { method: 'get' });
    expect(server.last.method).toBe('POST');
  });

  test('takes a URL', async ({ server }) => {
    await client.get(new URL('/users', server.origin), { prefix: 'nowhere' });
    expect(server.last.url).toBe('/users');
  });

  test('takes a Request, and options that override it', async ({ server }) => {
    const request = new Request(`${server.origin}/users`, {
      method: 'POST',
      body: 'hello',
      headers: { a: '1', b: '2' },
    });
    await client(request, { headers: { b: '3' }, baseUrl: 'http://nowhere.invalid', prefix: 'nowhere' });

    expect(server.last).toMatchObject({ method: 'POST', url: '/users', body: 'hello', headers: { a: '1', b: '3' } });
  });

  test('overrides the method and the body of a Request', async ({ server }) => {
    await client.put(new Request(server.origin, { method: 'POST', body: 'old' }), { body: 'new' });
    expect(server.last).toMatchObject({ method: 'PUT', body: 'new' });
  });

  test('throws synchronously for an invalid input and for invalid options', () => {
    expect(() => client.get(5 as never)).toThrow(TypeError);
    expect(() => client.get('http://127.0.0.1', 'options' as never)).toThrow(TypeError);
    expect(() => client.create([] as never)).toThrow(TypeError);
    for (const options of ['options', 1, null, Symbol('a')]) {
      expect(() => client.create(options as never)).toThrow('The `options` argument must be an object');
      expect(() => client.extend(options as never)).toThrow('The `options` argument must be an object');
    }
    expect(client.extend(undefined as never)).toBeTypeOf('function');
  });

  describe('bodies', () => {
    test('sends json with a content type', async ({ server }) => {
      await client.post(server.origin, { json: { name: 'kyoa', tags: ['a'] } });

      expect(server.last.headers['content-type']).toBe('application/json');
      expect(JSON.parse(server.last.body)).toEqual({ name: 'kyoa', tags: ['a'] });
    });

    test('sends json that is false, zero, null or a string', async ({ server }) => {
      for (const value of [false, 0, null, '']) {
        await client.post(server.origin, { json: value });
        expect(server.last.body).toBe(JSON.stringify(value));
      }
    });

    test('keeps the content type of the caller', async ({ server }) => {
      await client.post(server.origin, { json: {}, headers: { 'content-type': 'application/x-amz-json-1.1' } });
      expect(server.last.headers['content-type']).toBe('application/x-amz-json-1.1');
    });

    test('writes json with stringifyJson', async ({ server }) => {
      const stringifyJson = (data: unknown): string => JSON.stringify(data, (_, value) => value ?? 'nothing');
      await client.create({ stringifyJson }).post(server.origin, { json: { a: null } });
      expect(server.last.body).toBe('{"a":"nothing"}');
    });

    test('sends a string, bytes, a Blob and URLSearchParams as fetch does', async ({ server }) => {
      await client.post(server.origin, { body: 'text' });
      expect(server.last).toMatchObject({
        body: 'text',
        headers: { 'content-type': 'text/plain;charset=UTF-8', 'content-length': '4' },
      });

      await client.post(server.origin, { body: new TextEncoder().encode('bytes') });
      expect(server.last).toMatchObject({ body: 'bytes', headers: { 'content-length': '5' } });

      await client.post(server.origin, { body: new Blob(['blob'], { type: 'text/x' }) });
      expect(server.last).toMatchObject({ body: 'blob', headers: { 'content-type': 'text/x' } });

      await client.post(server.origin, { body: new URLSearchParams({ food: 'fries', drink: 'icetea' }) });
      expect(server.last.body).toBe('food=fries&drink=icetea');
      expect(server.last.headers['content-type']).toMatch('application/x-www-form-urlencoded');
    });

    test('sends a form with its boundary in the content type', async ({ server }) => {
      const body = new FormData();
      body.append('food', 'fries');
      await client.post(server.origin, { body });

      const boundary = /^multipart\/form-data; boundary=(.+)$/.exec(server.last.headers['content-type'] ?? '')?.[1];
      expect(boundary).toBeDefined();
      expect(server.last.body).toContain(`--${boundary}\r\nContent-Disposition: form-data; name="food"\r\n\r\nfries`);
    });

    test('sends a form with the content type that the caller gives', async ({ server }) => {
      const body = new FormData();
      body.append('food', 'fries');
      const headers = { 'content-type': 'custom' };
      await client.post(server.origin, { body, headers });
      expect(server.last.headers['content-type']).toBe('custom');
      await client.post(new Request(server.origin, { method: 'POST', headers }), { body, headers });
      expect(server.last.headers['content-type']).toBe('custom');
    });

    test('reports the progress of an upload', async ({ server }) => {
      const seen: { percent: number; transferredBytes: number; totalBytes: number; chunk: number }[] = [];
      await client.post(server.origin, {
        body: 'x'.repeat(100_000),
        onUploadProgress: (progress, chunk) => seen.push({ ...progress, chunk: chunk.byteLength }),
      });

      expect(server.last.body).toHaveLength(100_000);
      expect(seen.at(-1)).toMatchObject({ percent: 1, transferredBytes: 100_000, totalBytes: 100_000 });
      expect(seen.reduce((sum, { chunk }) => sum + chunk, 0)).toBe(100_000);
      expect(() => client.post(server.origin, { body: '', onUploadProgress: 1 as never })).toThrow(TypeError);
    });
  });

  describe('searchParams', () => {
    test('takes a string, an object, pairs and URLSearchParams', async ({ server }) => {
      const forms = [
        'a=1&b=two',
        '?a=1&b=two',
        { a: 1, b: 'two' },
        [
          ['a', 1],
          ['b', 'two'],
        ],
        new URLSearchParams({ a: '1', b: 'two' }),
      ];
      for (const searchParams of forms as Options['searchParams'][]) {
        await client.get(`${server.origin}/users`, { searchParams });
        expect(server.last.url).toBe('/users?a=1&b=two');
      }
    });

    test('appends parameters to those of the URL, and sends no hash', async ({ server }) => {
      await client.get(`${server.origin}/?a=1#here`, { searchParams: { a: 2, b: true } });
      expect(server.last.url).toBe('/?a=1&a=2&b=true');
    });

    test('deletes parameters that are undefined, and sends null as text', async ({ server }) => {
      await client.get(`${server.origin}/?a=1&c=3`, { searchParams: { a: undefined, b: null as never } });
      expect(server.last.url).toBe('/?c=3&b=null');
    });

    test('sends no parameter for an empty string', async ({ server }) => {
      await client.get(`${server.origin}/users`, { searchParams: '' });
      expect(server.last.url).toBe('/users');
    });
  });

  describe('baseUrl and prefix', () => {
    test('resolves a relative input against baseUrl', async ({ server }) => {
      const api = client.create({ baseUrl: `${server.origin}/api/` });
      for (const [input, path] of [
        ['users', '/api/users'],
        ['./users', '/api/users'],
        ['/users', '/users'],
        ['', '/api/'],
      ] as const) {
        await api.get(input);
        expect(server.last.url).toBe(path);
      }
      await api.get(`${server.origin}/absolute`);
      expect(server.last.url).toBe('/absolute');
      await client.get('users', { baseUrl: new URL('/v2/', server.origin) });
      expect(server.last.url).toBe('/v2/users');
    });

    test('puts the prefix before a string, with one slash between', async ({ server }) => {
      for (const prefix of [`${server.origin}/api`, `${server.origin}/api/`, new URL('/api', server.origin)]) {
        for (const input of ['users', '/users']) {
          await client.get(input, { prefix });
          expect(server.last.url).toBe('/api/users');
        }
      }
      await client.get('users', { prefix: 'v1', baseUrl: `${server.origin}/api/` });
      expect(server.last.url).toBe('/api/v1/users');
    });
  });

  describe('headers', () => {
    test('takes an object, pairs and Headers', async ({ server }) => {
      for (const headers of [{ 'X-One': '1' }, [['x-one', '1']] as [string, string][], new Headers({ 'x-one': '1' })]) {
        await client.get(server.origin, { headers });
        expect(server.last.headers['x-one']).toBe('1');
      }
    });

    test('merges those of a call over the instance, and deletes those that are undefined', async ({ server }) => {
      const api = client.create({ headers: { rainbow: '1', unicorn: '2' } });
      await api.get(server.origin, { headers: { rainbow: undefined, extra: '3' } });

      expect(server.last.headers).toMatchObject({ unicorn: '2', extra: '3' });
      expect(server.last.headers).not.toHaveProperty('rainbow');
    });

    test('deletes those whose value in Headers is the text undefined', async ({ server }) => {
      const api = client.create({ headers: { rainbow: '1', unicorn: '2' } });
      await api.get(server.origin, { headers: new Headers({ rainbow: 'undefined' }) });

      expect(server.last.headers).toMatchObject({ unicorn: '2' });
      expect(server.last.headers).not.toHaveProperty('rainbow');
    });

    test('has the Accept of the shortcut, unless the caller gives one', async ({ server }) => {
      await client.get(server.origin).json();
      expect(server.last.headers.accept).toBe('application/json');
      await client.get(server.origin).text();
      expect(server.last.headers.accept).toBe('text/*');
      for (const shortcut of ['blob', 'arrayBuffer', 'bytes'] as const) {
        await client.get(server.origin)[shortcut]();
        expect(server.last.headers.accept).toBe('*/*');
      }
      await client.get(server.origin, { headers: { accept: 'application/problem+json' } }).json();
      expect(server.last.headers.accept).toBe('application/problem+json');
    });
  });

  describe('unknown options', () => {
    test('go to the transport unchanged', async ({ server }) => {
      const dispatcher = { dispatch: (): boolean => true };
      const inits: object[] = [];
      const api = client.create({
        fetch: async (_, init) => {
          inits.push(init ?? {});
          return new Response();
        },
      });
      const options = { dispatcher, priority: 'low', next: { revalidate: 60 }, cf: null, zero: 0 };
      await api.get(server.origin, { ...options, json: undefined, context: {}, timeout: 1_000 } as Options);

      const { signal: _, ...members } = inits[0] as { signal?: AbortSignal; dispatcher: unknown };
      expect(members).toStrictEqual(options);
      expect(members.dispatcher).toBe(dispatcher);
    });

    test('of the instance go to the transport too', async ({ server }) => {
      const inits: object[] = [];
      const fetch = async (_: unknown, init: object = {}): Promise<Response> => {
        inits.push(init);
        return new Response();
      };
      await client.create({ fetch, priority: 'low' }).extend({ priority: 'high' }).get(server.origin);
      expect(inits[0]).toMatchObject({ priority: 'high' });
    });

    test('include those of the platform, which its fetch obeys', async ({ server }) => {
      server.respond((response) => response.writeHead(302, { location: '/elsewhere' }).end());
      const response = await client.get(server.origin, {
        redirect: 'manual',
        cache: 'no-store',
        throwHttpErrors: false,
      });
      expect(response.status).toBe(302);
      expect(server.requests).toHaveLength(1);
      expect(server.last.headers['cache-control']).toBe('no-cache');
    });
  });
});
