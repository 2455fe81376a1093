/** What the client returns or throws for a response. */
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
import { reasonOf } from '../support/promises.ts';
import { clients, json, test, type Handle } from './server.ts';

interface User {
  readonly name: string;
}

/** A Standard Schema that is written by hand. */
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

const reply =
  (text: string, headers = {}, status = 200): Handle =>
  (response) =>
    response.writeHead(status, { 'content-type': 'text/plain', ...headers }).end(text);

describe.each(clients)('$name as a client', ({ client }) => {
  test('resolves to a genuine Response', async ({ server }) => {
    const response = await client.get(server.origin);

    expect(response).toBeInstanceOf(Response);
    expect(response.url).toBe(`${server.origin}/`);
    expect(response.clone()).toBeInstanceOf(Response);
    expect(await response.json()).toMatchObject({ method: 'GET' });
  });

  test('passes on the body as it arrives', async ({ server }) => {
    const events = ['data: 1\n\n', 'data: 2\n\n'];
    let send = (): void => {};
    server.respond((response) => {
      send = () => void response.write(events.shift());
      send();
    });
    const response = await client.get(server.origin);
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();

    expect((await reader.read()).value).toBe('data: 1\n\n');
    send(); // the server sends the second event only now
    expect((await reader.read()).value).toBe('data: 2\n\n');
    await reader.cancel();
    await server.until(() => server.cut === 1);
  });

  describe('shortcuts', () => {
    test('read json, text, bytes, an ArrayBuffer, a Blob and a form', async ({ server }) => {
      server.respond(reply('{"name":"kyoa"}'));
      const bytes = new TextEncoder().encode('{"name":"kyoa"}');

      expect(await client.get(server.origin).json()).toEqual({ name: 'kyoa' });
      expect(await client.get(server.origin).text()).toBe('{"name":"kyoa"}');
      expect(await client.get(server.origin).bytes()).toEqual(bytes);
      expect(new Uint8Array(await client.get(server.origin).arrayBuffer())).toEqual(bytes);
      expect(await (await client.get(server.origin).blob()).text()).toBe('{"name":"kyoa"}');

      server.respond(reply('food=fries', { 'content-type': 'application/x-www-form-urlencoded' }));
      expect((await client.get(server.origin).formData()).get('food')).toBe('fries');
    });

    test('exist for each method, and give json() its type', async ({ server }) => {
      server.respond({ name: 'kyoa' });

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

    test('reject json that is empty or invalid', async ({ server }) => {
      server.respond(reply(''), reply('<html>'));
      await expect(client.get(server.origin).json()).rejects.toThrow(SyntaxError);
      await expect(client.get(server.origin).json()).rejects.toThrow(SyntaxError);
    });

    test('validate json with a schema, and resolve to its value', async ({ server }) => {
      server.respond({ name: 'kyoa' });
      const user = await client.get(server.origin).json(userSchema);

      expectTypeOf(user).toEqualTypeOf<User>();
      expect(user).toEqual({ name: 'KYOA' });
    });

    test('reject json that the schema rejects, with its issues', async ({ server }) => {
      server.respond({ nom: 'kyoa' });
      const error = await reasonOf(client.get(server.origin).json(userSchema));

      expect(error).toBeInstanceOf(SchemaValidationError);
      expect((error as SchemaValidationError).issues).toEqual([{ message: 'a name is missing', path: ['name'] }]);
      expect(isKyError(error)).toBe(false);
      expect(server.requests).toHaveLength(1);
    });

    test('reject an invalid schema', async ({ server }) => {
      await expect(client.get(server.origin).json({} as never)).rejects.toThrow('Standard Schema');
    });
  });

  describe('parseJson', () => {
    test('parses the text of the shortcut, and gets the request and the response', async ({ server }) => {
      server.respond(reply('')); // an empty text is no JSON
      const parseJson = vi.fn((text: string, { request, response }: { request: Request; response: Response }) => ({
        text,
        url: request.url,
        status: response.status,
      }));
      const parsed = await client.get(server.origin, { parseJson }).json();

      expect(parsed).toEqual({ text: '', url: `${server.origin}/`, status: 200 });
      expect(parseJson).toHaveBeenCalledTimes(1);
    });

    test('parses the text of json() of the Response', async ({ server }) => {
      server.respond({ when: '2020' });
      const api = client.create({
        parseJson: (text) => JSON.parse(text, (_, value) => (value === '2020' ? 2020 : value)),
      });

      expect(await (await api.get(server.origin)).json()).toEqual({ when: 2020 });
    });

    test('runs before the schema', async ({ server }) => {
      const parsed = client.get(server.origin, { parseJson: () => ({ name: 'parsed' }) }).json(userSchema);
      expect(await parsed).toEqual({ name: 'PARSED' });
    });
  });

  describe('errors', () => {
    test('are HTTPErrors for a status that is not 2xx', async ({ server }) => {
      server.respond((response) => json(response, { code: 'missing' }, 404));
      const error = await reasonOf(client.get(`${server.origin}/users`).json());

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

    test('have the body as data: text, JSON, the result of parseJson, or undefined', async ({ server }) => {
      const problem = { 'content-type': 'application/problem+json' };
      server.respond(
        reply('no', {}, 400),
        reply('{"a":1}', problem, 400),
        reply('{', problem, 400),
        reply('', {}, 400),
        reply('1', problem, 400),
      );

      for (const data of ['no', { a: 1 }, undefined, undefined]) {
        expect(await reasonOf(client.get(server.origin))).toHaveProperty('data', data);
      }
      expect(await reasonOf(client.get(server.origin, { parseJson: (text) => `parsed ${text}` }))).toHaveProperty(
        'data',
        'parsed 1',
      );
    });

    test('are not thrown with throwHttpErrors: false', async ({ server }) => {
      server.respond(reply('no', {}, 400));
      const response = await client.get(server.origin, { throwHttpErrors: false });

      expect(response.status).toBe(400);
      expect(await response.text()).toBe('no');
      expect(await client.get(server.origin, { throwHttpErrors: false }).text()).toBe('no');
    });

    test('are thrown for the statuses for which throwHttpErrors returns true', async ({ server }) => {
      server.respond(reply('', {}, 404), reply('', {}, 400));
      const api = client.create({ throwHttpErrors: (status) => status !== 404 });

      expect((await api.get(server.origin)).status).toBe(404);
      await expect(api.get(server.origin)).rejects.toBeInstanceOf(HTTPError);
    });

    test('are thrown only after redirects have been followed', async ({ server }) => {
      server.respond((response) => response.writeHead(302, { location: '/there' }).end(), reply('there'));
      const response = await client.get(server.origin);

      expect(response.redirected).toBe(true);
      expect(response.url).toBe(`${server.origin}/there`);
      expect(await response.text()).toBe('there');
    });

    test('are NetworkErrors if there is no response', async ({ server }) => {
      server.respond((response) => response.destroy());
      const error = await reasonOf(client.post(`${server.origin}/users`));

      expect(error).toBeInstanceOf(NetworkError);
      expect(isNetworkError(error) && isKyError(error)).toBe(true);
      expect((error as NetworkError).request.url).toBe(`${server.origin}/users`);
      expect((error as NetworkError).cause).toMatchObject({
        message: 'fetch failed',
        cause: { code: 'UND_ERR_SOCKET' },
      });
      expect(server.requests).toHaveLength(1);
    });

    test('of a programming mistake are passed on unchanged', async () => {
      const wrong = new TypeError('something is not a function');
      const fetch = vi.fn(() => Promise.reject(wrong));

      expect(await reasonOf(client.get('http://127.0.0.1/', { fetch }))).toBe(wrong);
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

    test('reports the progress of a download', async ({ server }) => {
      server.respond(reply('x'.repeat(300_000), { 'content-length': 300_000 }));
      const { seen, chunks, body } = await watch(client, server.origin);

      expect(body).toHaveLength(300_000);
      expect(chunks).toBe(300_000);
      expect(seen.length).toBeGreaterThan(1);
      expect(seen[0]?.percent).toBeLessThan(1);
      expect(seen.at(-1)).toEqual({ percent: 1, transferredBytes: 300_000, totalBytes: 300_000 });
    });

    test('reports 100 % of an empty body and of a body of unknown length', async ({ server }) => {
      server.respond(reply('', { 'content-length': 0 }), (response) => {
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

    test('reports nothing of a 204', async ({ server }) => {
      server.respond(204);
      expect(await watch(client, server.origin)).toMatchObject({ body: '', seen: [] });
    });

    test('must be a function', async ({ server }) => {
      await expect(client.get(server.origin, { onDownloadProgress: 1 as never })).rejects.toThrow(TypeError);
    });
  });
});
