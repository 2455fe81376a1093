/** What the client makes of an answer. */
import { describe, expect, expectTypeOf, vi } from 'vitest';
import {
  HTTPError,
  isHTTPError,
  isKyError,
  isNetworkError,
  NetworkError,
  SchemaValidationError,
  type Kyoa,
  type Progress,
  type StandardSchemaV1,
} from '../../src/index.ts';
import { clients, json, test, type Handle } from './server.ts';

interface User {
  readonly name: string;
}

/** A Standard Schema, by hand. */
const userSchema: StandardSchemaV1<unknown, User> = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate: (value) =>
      typeof (value as User | undefined)?.name === 'string'
        ? { value: { name: (value as User).name.toUpperCase() } }
        : { issues: [{ message: 'a name is missing', path: ['name'] }] },
  },
};

const say =
  (text: string, headers = {}, status = 200): Handle =>
  (response) =>
    response.writeHead(status, { 'content-type': 'text/plain', ...headers }).end(text);

const failure = (promise: PromiseLike<unknown>): Promise<unknown> =>
  Promise.resolve(promise).then(
    () => expect.unreachable('it did not fail'),
    (error: unknown) => error,
  );

describe.each(clients)('$name as a client', ({ client }) => {
  test('resolves to a genuine Response', async ({ server }) => {
    const response = await client.get(server.origin);

    expect(response).toBeInstanceOf(Response);
    expect(response.url).toBe(`${server.origin}/`);
    expect(response.clone()).toBeInstanceOf(Response);
    expect(await response.json()).toMatchObject({ method: 'GET' });
  });

  test('hands the body over as it comes', async ({ server }) => {
    const events = ['data: 1\n\n', 'data: 2\n\n'];
    let send = (): void => {};
    server.answer((response) => {
      send = () => void response.write(events.shift());
      send();
    });
    const response = await client.get(server.origin);
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();

    expect((await reader.read()).value).toBe('data: 1\n\n');
    send(); // the second event exists only now
    expect((await reader.read()).value).toBe('data: 2\n\n');
    await reader.cancel();
    await server.until(() => server.cut === 1);
  });

  describe('shortcuts', () => {
    test('read json, text, bytes, an ArrayBuffer, a Blob and a form', async ({ server }) => {
      server.answer(say('{"name":"kyoa"}'));
      const bytes = new TextEncoder().encode('{"name":"kyoa"}');

      expect(await client.get(server.origin).json()).toEqual({ name: 'kyoa' });
      expect(await client.get(server.origin).text()).toBe('{"name":"kyoa"}');
      expect(await client.get(server.origin).bytes()).toEqual(bytes);
      expect(new Uint8Array(await client.get(server.origin).arrayBuffer())).toEqual(bytes);
      expect(await (await client.get(server.origin).blob()).text()).toBe('{"name":"kyoa"}');

      server.answer(say('food=fries', { 'content-type': 'application/x-www-form-urlencoded' }));
      expect((await client.get(server.origin).formData()).get('food')).toBe('fries');
    });

    test('are there for every method, and type what json resolves to', async ({ server }) => {
      server.answer({ name: 'kyoa' });

      const user = await client.post<User>(server.origin).json();
      expectTypeOf(user).toEqualTypeOf<User>();
      const sameUser = await client.post(server.origin).json<User>();
      expectTypeOf(sameUser).toEqualTypeOf<User>();
      const awaited = await (await client.post<User>(server.origin)).json();
      expectTypeOf(awaited).toEqualTypeOf<User>();
      const anything = await client.post(server.origin).json();
      expectTypeOf(anything).toBeUnknown();
      for (const result of [user, sameUser, awaited, anything]) expect(result).toEqual({ name: 'kyoa' });
    });

    test('reject json that is empty or none', async ({ server }) => {
      server.answer(say(''), say('<html>'));
      await expect(client.get(server.origin).json()).rejects.toThrow(SyntaxError);
      await expect(client.get(server.origin).json()).rejects.toThrow(SyntaxError);
    });

    test('hold json to a schema, and resolve to what it makes of it', async ({ server }) => {
      server.answer({ name: 'kyoa' });
      const user = await client.get(server.origin).json(userSchema);

      expectTypeOf(user).toEqualTypeOf<User>();
      expect(user).toEqual({ name: 'KYOA' });
    });

    test('reject json that the schema refuses, with its issues', async ({ server }) => {
      server.answer({ nom: 'kyoa' });
      const error = await failure(client.get(server.origin).json(userSchema));

      expect(error).toBeInstanceOf(SchemaValidationError);
      expect((error as SchemaValidationError).issues).toEqual([{ message: 'a name is missing', path: ['name'] }]);
      expect(isKyError(error)).toBe(false);
      expect(server.requests).toHaveLength(1);
    });

    test('refuse a schema that is none', async ({ server }) => {
      await expect(client.get(server.origin).json({} as never)).rejects.toThrow('Standard Schema');
    });
  });

  describe('parseJson', () => {
    test('reads what the shortcut gets, and knows request and response', async ({ server }) => {
      server.answer(say('')); // no JSON at all
      const parseJson = vi.fn((text: string, { request, response }: { request: Request; response: Response }) => ({
        text,
        url: request.url,
        status: response.status,
      }));
      const parsed = await client.get(server.origin, { parseJson }).json();

      expect(parsed).toEqual({ text: '', url: `${server.origin}/`, status: 200 });
      expect(parseJson).toHaveBeenCalledTimes(1);
    });

    test('reads what the json of the Response gets', async ({ server }) => {
      server.answer({ when: '2020' });
      const api = client.create({
        parseJson: (text) => JSON.parse(text, (_, value) => (value === '2020' ? 2020 : value)),
      });

      expect(await (await api.get(server.origin)).json()).toEqual({ when: 2020 });
    });

    test('comes before the schema', async ({ server }) => {
      const parsed = client.get(server.origin, { parseJson: () => ({ name: 'parsed' }) }).json(userSchema);
      expect(await parsed).toEqual({ name: 'PARSED' });
    });
  });

  describe('errors', () => {
    test('are HTTPErrors for a status that is not 2xx', async ({ server }) => {
      server.answer((response) => json(response, { code: 'missing' }, 404));
      const error = await failure(client.get(`${server.origin}/users`).json());

      expect(error).toBeInstanceOf(HTTPError);
      expect(isHTTPError(error) && isKyError(error)).toBe(true);
      const { response, request, options, data, message, name } = error as HTTPError<{ code: string }>;
      expectTypeOf(data).toEqualTypeOf<{ code: string } | string | undefined>();
      expect(response).toBeInstanceOf(Response);
      expect(response.status).toBe(404);
      expect(request.url).toBe(`${server.origin}/users`);
      expect(options.method).toBe('GET');
      expect(data).toEqual({ code: 'missing' });
      expect(name).toBe('HTTPError');
      expect(message).toContain('404');
      expect(server.requests).toHaveLength(1);
    });

    test('carry the body: text, JSON of a kind, parsed by parseJson, or nothing', async ({ server }) => {
      const problem = { 'content-type': 'application/problem+json' };
      server.answer(
        say('no', {}, 400),
        say('{"a":1}', problem, 400),
        say('{', problem, 400),
        say('', {}, 400),
        say('1', problem, 400),
      );

      for (const data of ['no', { a: 1 }, undefined, undefined]) {
        expect(await failure(client.get(server.origin))).toHaveProperty('data', data);
      }
      expect(await failure(client.get(server.origin, { parseJson: (text) => `parsed ${text}` }))).toHaveProperty(
        'data',
        'parsed 1',
      );
    });

    test('are left out with throwHttpErrors: false', async ({ server }) => {
      server.answer(say('no', {}, 400));
      const response = await client.get(server.origin, { throwHttpErrors: false });

      expect(response.status).toBe(400);
      expect(await response.text()).toBe('no');
      expect(await client.get(server.origin, { throwHttpErrors: false }).text()).toBe('no');
    });

    test('are thrown for the statuses that throwHttpErrors says', async ({ server }) => {
      server.answer(say('', {}, 404), say('', {}, 400));
      const api = client.create({ throwHttpErrors: (status) => status !== 404 });

      expect((await api.get(server.origin)).status).toBe(404);
      await expect(api.get(server.origin)).rejects.toBeInstanceOf(HTTPError);
    });

    test('come after redirects have been followed', async ({ server }) => {
      server.answer((response) => response.writeHead(302, { location: '/there' }).end(), say('there'));
      const response = await client.get(server.origin);

      expect(response.redirected).toBe(true);
      expect(response.url).toBe(`${server.origin}/there`);
      expect(await response.text()).toBe('there');
    });

    test('are NetworkErrors when there is no answer', async ({ server }) => {
      server.answer((response) => response.destroy());
      const error = await failure(client.post(`${server.origin}/users`));

      expect(error).toBeInstanceOf(NetworkError);
      expect(isNetworkError(error) && isKyError(error)).toBe(true);
      expect((error as NetworkError).request.url).toBe(`${server.origin}/users`);
      expect((error as NetworkError).cause).toMatchObject({
        message: 'fetch failed',
        cause: { code: 'UND_ERR_SOCKET' },
      });
      expect(server.requests).toHaveLength(1);
    });

    test('pass as they are when the program is at fault', async () => {
      const wrong = new TypeError('something is not a function');
      const fetch = vi.fn(() => Promise.reject(wrong));

      expect(await failure(client.get('http://127.0.0.1/', { fetch }))).toBe(wrong);
      expect(fetch).toHaveBeenCalledTimes(1);
    });
  });

  describe('onDownloadProgress', () => {
    const watch = async (client: Kyoa, url: string): Promise<{ seen: Progress[]; chunks: number; body: string }> => {
      const seen: Progress[] = [];
      let chunks = 0;
      const response = await client.get(url, {
        onDownloadProgress(progress, chunk) {
          seen.push(progress);
          chunks += chunk.byteLength;
        },
      });
      return { body: await response.text(), seen, chunks };
    };

    test('tells how far a download is', async ({ server }) => {
      server.answer(say('x'.repeat(300_000), { 'content-length': 300_000 }));
      const { seen, chunks, body } = await watch(client, server.origin);

      expect(body).toHaveLength(300_000);
      expect(chunks).toBe(300_000);
      expect(seen.length).toBeGreaterThan(1);
      expect(seen[0]?.percent).toBeLessThan(1);
      expect(seen.at(-1)).toEqual({ percent: 1, transferredBytes: 300_000, totalBytes: 300_000 });
    });

    test('says 100 % of an empty body and of one of unknown length', async ({ server }) => {
      server.answer(say('', { 'content-length': 0 }), (response) => {
        response.write('some');
        response.end('thing');
      });
      expect((await watch(client, server.origin)).seen).toEqual([{ percent: 1, transferredBytes: 0, totalBytes: 0 }]);
      expect((await watch(client, server.origin)).seen.at(-1)).toEqual({
        percent: 1,
        transferredBytes: 9,
        totalBytes: 9,
      });
    });

    test('leaves a 204 alone', async ({ server }) => {
      server.answer(204);
      expect(await watch(client, server.origin)).toMatchObject({ body: '', seen: [] });
    });

    test('must be a function', async ({ server }) => {
      await expect(client.get(server.origin, { onDownloadProgress: 1 as never })).rejects.toThrow(TypeError);
    });
  });
});
