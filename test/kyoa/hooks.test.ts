/** The hooks of ky, except `beforeRetry`. */
import { describe, expect, vi } from 'vitest';
import {
  ForceRetryError,
  HTTPError,
  isForceRetryError,
  isHTTPError,
  isNetworkError,
  type AfterResponseHook,
  type BeforeErrorHook,
  type BeforeRequestHook,
  type Hooks,
  type InitHook,
  type Kyoa,
  type NormalizedOptions,
} from '../../src/index.ts';
import { reasonOf } from '../support/promises.ts';
import { clients, json, test } from './server.ts';

describe.each(clients)('$name as a client', ({ client }) => {
  /** An instance with these hooks added. */
  const withHooks = <Name extends keyof Hooks>(name: Name, ...hooks: NonNullable<Hooks[Name]>): Kyoa =>
    client.extend({ hooks: { [name]: hooks } });

  test('runs hooks in order, waits for each, and passes the context', async ({ server }) => {
    const order: unknown[] = [];
    const note =
      (what: string) =>
      async ({ options }: { options: Readonly<NormalizedOptions> }): Promise<void> => {
        await Promise.resolve();
        order.push([what, options.context['user']]);
      };
    const api = client.create({
      context: { user: 'a' },
      hooks: {
        init: [({ context }) => order.push(['init', context?.['user']])],
        beforeRequest: [note('beforeRequest 1'), note('beforeRequest 2')],
        afterResponse: [note('afterResponse')],
        beforeError: [async (state) => (await note('beforeError')(state), state.error)],
      },
    });
    server.respond(400);
    await expect(api.get(server.origin, { context: { user: 'b' } })).rejects.toThrow(HTTPError);

    expect(order).toEqual(
      ['init', 'beforeRequest 1', 'beforeRequest 2', 'afterResponse', 'beforeError'].map((hook) => [hook, 'b']),
    );
  });

  test('passes an empty context if none is given', async ({ server }) => {
    const contexts: unknown[] = [];
    await withHooks('beforeRequest', ({ options }) => void contexts.push(options.context)).get(server.origin);
    expect(contexts).toEqual([{}]);
  });

  describe('init', () => {
    const adding: InitHook = (options) => {
      options.searchParams = { key: '123' };
      options.headers = { ...(options.headers as Record<string, string>), 'x-init': 'yes' };
      options.json = { ...(options.json as object), added: true };
    };

    test('changes the options of this call only', async ({ server }) => {
      const api = withHooks('init', adding);
      const given = { json: { a: 1 }, headers: { b: '2' } };
      await api.post(server.origin, given);

      expect(server.last).toMatchObject({
        url: '/?key=123',
        body: '{"a":1,"added":true}',
        headers: { b: '2', 'x-init': 'yes' },
      });
      expect(given).toEqual({ json: { a: 1 }, headers: { b: '2' } });
    });

    test('throws synchronously', ({ server }) => {
      const wrong = new Error('no key');
      const fail = (): never => {
        throw wrong;
      };
      expect(() => withHooks('init', fail).get(server.origin)).toThrow(wrong);
    });
  });

  describe('beforeRequest', () => {
    test('changes the request', async ({ server }) => {
      const api = withHooks('beforeRequest', ({ request, retryCount }) =>
        request.headers.set('authorization', `token ${retryCount}`),
      );
      expect(await api.get(server.origin).json()).toMatchObject({
        headers: { authorization: 'token 0', accept: 'application/json' },
      });
    });

    test('replaces the request, and the next hook gets the new one', async ({ server }) => {
      const redirect: BeforeRequestHook = ({ request }) => {
        const url = new URL(request.url);
        url.searchParams.set('token', 'secret');
        return new Request(url, request);
      };
      const label: BeforeRequestHook = ({ request }) => request.headers.set('x-url', request.url);
      await withHooks('beforeRequest', redirect, label).post(server.origin, { json: [1] });

      expect(server.last).toMatchObject({ method: 'POST', url: '/?token=secret', body: '[1]' });
      expect(server.last.headers['x-url']).toBe(`${server.origin}/?token=secret`);
    });

    test('replaces a form, which gets a new boundary', async ({ server }) => {
      const body = new FormData();
      body.append('FOOD', 'fries');
      const lower: BeforeRequestHook = ({ request }) => {
        const form = new FormData();
        for (const [name, value] of body) form.set(name.toLowerCase(), value);
        request.headers.delete('content-type');
        return new Request(request, { body: form });
      };
      await withHooks('beforeRequest', lower).post(server.origin, { body });

      expect(server.last.body).toContain('name="food"');
      expect(server.last.headers['content-type']).toMatch('multipart/form-data; boundary=');
    });

    test('responds instead of the server, and no further hook runs', async ({ server }) => {
      const next = vi.fn();
      const api = withHooks('beforeRequest', () => Response.json({ cached: true }), next);

      expect(await api.get(server.origin).json()).toEqual({ cached: true });
      expect(next).not.toHaveBeenCalled();
      expect(server.requests).toHaveLength(0);
    });

    test('responds with a failure that is thrown and not retried', async ({ server }) => {
      const hook = vi.fn(() => new Response('down', { status: 503 }));
      await expect(withHooks('beforeRequest', hook).get(server.origin)).rejects.toThrow(HTTPError);
      expect(hook).toHaveBeenCalledTimes(1);
      expect(server.requests).toHaveLength(0);
    });

    test('throws an error that the caller gets, and no request is sent', async ({ server }) => {
      const wrong = new Error('no token');
      await expect(withHooks('beforeRequest', () => Promise.reject(wrong)).get(server.origin)).rejects.toBe(wrong);
      expect(server.requests).toHaveLength(0);
    });

    test('returns a Request whose signal aborts the call', async ({ server }) => {
      server.respond(() => {});
      const mine = new AbortController();
      const reason = new Error('enough');
      const api = withHooks('beforeRequest', ({ request }) => new Request(request.url, { signal: mine.signal }));
      const result = api.get(server.origin, { signal: new AbortController().signal });
      result.catch(() => {});
      await server.until(() => server.requests.length === 1);
      mine.abort(reason);

      await expect(result).rejects.toBe(reason);
      await server.until(() => server.cut === 1);
    });
  });

  test('passes hooks a signal that follows that of the caller', async ({ server }) => {
    const controller = new AbortController();
    const seen: AbortSignal[] = [];
    const api = withHooks('beforeRequest', ({ request }) => void seen.push(request.signal));
    await api.get(server.origin, { signal: controller.signal });
    controller.abort('later');

    expect(seen[0]?.reason).toBe('later');
  });

  describe('afterResponse', () => {
    test('gets the request, the options and a copy of the response, which it may read', async ({ server }) => {
      server.respond({ a: 1 });
      const seen: unknown[] = [];
      const hook: AfterResponseHook = async ({ request, options, response, retryCount }) => {
        seen.push(request.url, options.method, response.url, await response.json(), retryCount);
      };
      expect(await withHooks('afterResponse', hook, hook).get(server.origin).json()).toEqual({ a: 1 });

      const once = [`${server.origin}/`, 'GET', `${server.origin}/`, { a: 1 }, 0];
      expect(seen).toEqual([...once, ...once]);
    });

    test('may leave its copy unread', async ({ server }) => {
      server.respond((response) => response.end('x'.repeat(1_000_000)));
      expect(
        await withHooks(
          'afterResponse',
          () => {},
          () => {},
        )
          .get(server.origin)
          .text(),
      ).toHaveLength(1_000_000);
    });

    test('gets a response with an error, and may return a good one', async ({ server }) => {
      server.respond(500);
      const api = withHooks('afterResponse', ({ response }) =>
        response.status === 500 ? Response.json({ substitute: true }) : undefined,
      ).extend({ retry: 0 });

      expect(await api.get(server.origin).json()).toEqual({ substitute: true });
      expect(server.requests).toHaveLength(1);
    });

    test('replaces the response for the next hook too', async ({ server }) => {
      const next: AfterResponseHook = async ({ response }) => new Response(`${await response.text()} and 2`);
      expect(
        await withHooks('afterResponse', () => new Response('1'), next)
          .get(server.origin)
          .text(),
      ).toBe('1 and 2');
    });

    test('may wrap the body of its copy', async ({ server }) => {
      server.respond((response) => response.end('x'.repeat(100_000)));
      const wrap: AfterResponseHook = ({ response }) => new Response(response.body, { status: 201 });
      const response = await withHooks('afterResponse', wrap, wrap).get(server.origin);

      expect(response.status).toBe(201);
      expect(await response.text()).toHaveLength(100_000);
    });

    test('parses the response with parseJson', async ({ server }) => {
      const seen: unknown[] = [];
      const api = withHooks('afterResponse', async ({ response }) => void seen.push(await response.json()));
      await api.get(server.origin, { parseJson: () => 'parsed' });
      expect(seen).toEqual(['parsed']);
    });

    test('throws an error that the caller gets', async ({ server }) => {
      const hook: AfterResponseHook = ({ request, options, response }) => {
        if (response.status >= 500) throw new HTTPError(response, request, options);
      };
      server.respond(500);
      const api = withHooks('afterResponse', hook).extend({ throwHttpErrors: false, retry: 0 });

      await expect(api.get(server.origin)).rejects.toMatchObject({
        name: 'HTTPError',
        message: expect.stringContaining('500'),
      });
      expect(server.requests).toHaveLength(1);
    });
  });

  describe('ky.retry() in afterResponse', () => {
    test('sends the request again with its body', async ({ server }) => {
      server.respond({ status: 'pending' }, { status: 'done' });
      const counts: number[] = [];
      const api = withHooks('afterResponse', async ({ response, retryCount }) => {
        counts.push(retryCount);
        const { status } = await response.json<{ status: string }>();
        return status === 'pending' ? client.retry({ delay: 0 }) : undefined;
      });

      expect(await api.post(server.origin, { json: { a: 1 } }).json()).toEqual({ status: 'done' });
      expect(server.requests.map(({ method, body }) => `${method} ${body}`)).toEqual(['POST {"a":1}', 'POST {"a":1}']);
      expect(counts).toEqual([0, 1]);
    });

    test('sends another request, for example with a fresh token', async ({ server }) => {
      server.respond((response, { headers }) => json(response, {}, headers.authorization === 'fresh' ? 200 : 401));
      const api = withHooks('afterResponse', ({ request, response, retryCount }) => {
        if (response.status !== 401 || retryCount > 0) return undefined;
        const headers = new Headers(request.headers);
        headers.set('authorization', 'fresh');
        return client.retry({ request: new Request(request, { headers }), code: 'TOKEN_REFRESHED', delay: 0 });
      });
      expect((await api.get(server.origin)).status).toBe(200);
      expect(server.requests).toHaveLength(2);
    });

    test('waits for its delay', async ({ server }) => {
      const api = withHooks('afterResponse', ({ retryCount }) =>
        retryCount === 0 ? client.retry({ delay: 50 }) : undefined,
      );
      const started = performance.now();
      await api.get(server.origin);
      expect(performance.now() - started).toBeGreaterThan(45);
    });

    test('ends its wait when the caller aborts', async ({ server }) => {
      const controller = new AbortController();
      const api = withHooks('afterResponse', () => {
        setImmediate(() => controller.abort('enough'));
        return client.retry({ delay: 60_000 });
      });

      await expect(api.get(server.origin, { signal: controller.signal })).rejects.toBe('enough');
      expect(server.requests).toHaveLength(1);
    });

    test('rejects with a ForceRetryError after `retry` times', async ({ server }) => {
      const cause = new Error('invalid');
      const errors: unknown[] = [];
      const api = client.create({
        hooks: {
          afterResponse: [() => client.retry({ delay: 0, code: 'AGAIN', cause })],
          beforeError: [({ error, retryCount }) => (errors.push(error, retryCount), error)],
        },
      });
      const error = await reasonOf(api.get(server.origin, { retry: 3 }));

      expect(error).toBeInstanceOf(ForceRetryError);
      expect(isForceRetryError(error) && error.message).toBe('Forced retry: AGAIN');
      expect(error).toMatchObject({ code: 'AGAIN', cause });
      expect(errors).toEqual([error, 3]);
      expect(server.requests).toHaveLength(4);

      await expect(api.get(server.origin)).rejects.toThrow(ForceRetryError);
      expect(server.requests).toHaveLength(4 + 3);
      await expect(api.get(server.origin, { retry: 0 })).rejects.toThrow(ForceRetryError);
      await expect(api.get(server.origin, { retry: { limit: 0 } })).rejects.toThrow(ForceRetryError);
      expect(server.requests).toHaveLength(4 + 3 + 2);
    });

    test('has its limit in the options', async ({ server }) => {
      const limits: unknown[] = [];
      const api = withHooks('afterResponse', ({ options }) => void limits.push(options.retry.limit));
      await api.get(server.origin);
      await api.get(server.origin, { retry: 5 });
      expect(limits).toEqual([2, 5]);
    });
  });

  describe('beforeError', () => {
    test('changes an HTTPError, whose body it can read', async ({ server }) => {
      server.respond((response) => json(response, { message: 'too short' }, 422));
      const api = withHooks('beforeError', ({ error }) => {
        if (isHTTPError<{ message: string }>(error) && typeof error.data === 'object') {
          error.name = 'ApiError' as never;
          error.message = `${error.data.message} (${error.response.status})`;
        }
        return error;
      });
      await expect(api.post(server.origin)).rejects.toMatchObject({ name: 'ApiError', message: 'too short (422)' });
    });

    test('replaces the error, one hook after the other', async ({ server }) => {
      server.respond(400);
      const wrap: BeforeErrorHook = ({ error }) => new Error(`wrapped ${error.name}`, { cause: error });
      const error = await withHooks('beforeError', wrap, wrap)
        .get(server.origin)
        .catch((error: Error) => error);

      expect(error).toMatchObject({
        message: 'wrapped Error',
        cause: { message: 'wrapped HTTPError', cause: expect.any(HTTPError) },
      });
    });

    test('gets NetworkErrors and errors of other hooks', async ({ server }) => {
      server.respond((response) => response.destroy());
      const seen: Error[] = [];
      const api = withHooks('beforeError', ({ error, request, options }) => {
        expect(request.url).toBe(`${server.origin}/`);
        expect(options.context).toEqual({});
        seen.push(error);
        return error;
      });
      await expect(api.post(server.origin)).rejects.toSatisfy(isNetworkError);
      const wrong = new Error('no token');
      await expect(api.get(server.origin, { hooks: { beforeRequest: [() => Promise.reject(wrong)] } })).rejects.toBe(
        wrong,
      );

      expect(seen).toEqual([expect.toSatisfy(isNetworkError), wrong]);
    });

    test('does not run for a status that is no error', async ({ server }) => {
      server.respond(400);
      const hook = vi.fn(({ error }: { error: Error }) => error);
      await withHooks('beforeError', hook).get(server.origin, { throwHttpErrors: false });
      expect(hook).not.toHaveBeenCalled();
    });
  });

  test('passes hooks the options without those of ky', async ({ server }) => {
    const seen: object[] = [];
    await withHooks('beforeRequest', ({ options }) => void seen.push(options)).post(server.origin, {
      json: 1,
      searchParams: { a: 1 },
      prefix: '',
    });

    const [options] = seen as [Record<string, unknown>];
    expect(Object.isFrozen(options)).toBe(true);
    expect(options).toMatchObject({ method: 'POST', body: '1', prefix: '', context: {} });
    expect(options['headers']).toBeInstanceOf(Headers);
    for (const name of ['hooks', 'json', 'searchParams', 'timeout', 'fetch', 'throwHttpErrors'])
      expect(options).not.toHaveProperty(name);
  });
});
