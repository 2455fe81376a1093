/** kyoa's policies under ky's words: timeout, totalTimeout, retry. */
import { describe, expect, vi } from 'vitest';
import kyoa, {
  constant,
  fallback,
  HTTPError,
  isKyError,
  isTimeoutError,
  KyoaError,
  NetworkError,
  replaceOption,
  retry,
  standard,
  TimeoutError,
  type InstanceOptions,
  type Options,
} from '../../src/index.ts';
import { clients, hang, stall, test } from './server.ts';

/** Retries without a pause, so that no test waits. */
const api = kyoa.create({ use: standard({ retry: { backoff: constant(0) } }) });

const failure = (promise: PromiseLike<unknown>): Promise<unknown> =>
  Promise.resolve(promise).then(
    () => expect.unreachable('it did not fail'),
    (error: unknown) => error,
  );

describe.each(clients)('$name as a client', ({ client }) => {
  test('rejects with a TimeoutError when timeout runs out', async ({ server }) => {
    server.answer(hang);
    const error = await failure(client.get(server.origin, { timeout: 20 }).json());

    expect(isTimeoutError(error) && isKyError(error)).toBe(true);
    expect(isTimeoutError(error) && error.request!.url).toBe(`${server.origin}/`);
    await server.until(() => server.cut === 1);
    expect(server.requests).toHaveLength(1);
  });

  test('bounds the body by timeout, too', async ({ server }) => {
    server.answer(stall);
    expect(await failure(client.get(server.origin, { timeout: 50 }).text())).toSatisfy(isTimeoutError);
    await server.until(() => server.cut === 1);
  });

  test('bounds all attempts by totalTimeout', async ({ server }) => {
    server.answer(hang);
    expect(await failure(client.get(server.origin, { totalTimeout: 100 }))).toSatisfy(isTimeoutError);
    expect(await failure(client.get(server.origin, { timeout: false, totalTimeout: 100 }))).toSatisfy(isTimeoutError);
    await server.until(() => server.cut === 2);
  });

  test('waits without a limit for timeout: false', async ({ server }) => {
    server.answer((response) => setTimeout(() => response.end('late'), 60));
    const patient = client.create({ timeout: 20 });
    expect(await patient.get(server.origin, { timeout: false }).text()).toBe('late');
    expect(
      await client
        .create({ timeout: 20, totalTimeout: 30 })
        .get(server.origin, { timeout: false, totalTimeout: false })
        .text(),
    ).toBe('late');
  });

  test('tells beforeError of a timeout', async ({ server }) => {
    server.answer(hang);
    const seen: Error[] = [];
    const call = client.get(server.origin, {
      timeout: 20,
      hooks: { beforeError: [({ error }) => (seen.push(error), error)] },
    });
    expect(await failure(call)).toBe(seen[0]);
    expect(seen).toEqual([expect.toSatisfy(isTimeoutError)]);
  });

  test('retries what may pass, and obeys Retry-After', async ({ server }) => {
    server.answer(429, 503, 200);
    expect((await client.get(server.origin)).status).toBe(200);
    expect(server.requests).toHaveLength(3);
  });

  test('retries no more often than retry says', async ({ server }) => {
    server.answer(503);
    await expect(client.get(server.origin, { retry: 1 })).rejects.toThrow(HTTPError);
    expect(server.requests).toHaveLength(2);
    await expect(client.get(server.origin, { retry: { limit: 0 } })).rejects.toThrow(HTTPError);
    expect(server.requests).toHaveLength(3);
    await expect(client.create({ retry: { limit: 2 } }).get(server.origin)).rejects.toThrow(HTTPError);
    expect(server.requests).toHaveLength(6);
  });

  test('does not retry what no retry mends', async ({ server }) => {
    server.answer(404);
    await expect(client.get(server.origin)).rejects.toThrow(HTTPError);
    expect(server.requests).toHaveLength(1);
  });

  test('never sends a POST twice', async ({ server }) => {
    server.answer(503, 200);
    await expect(client.post(server.origin, { json: {} })).rejects.toThrow(HTTPError);
    await expect(client.patch(server.origin, { json: {} })).resolves.toBeDefined();
    expect(server.requests).toHaveLength(2);
  });
});

describe('kyoa', () => {
  describe('timeout', () => {
    test('is of the whole call when it is a number', async ({ server }) => {
      server.answer(503, hang);
      const error = await failure(api.get(server.origin, { timeout: 50 }));

      expect(error).toBeInstanceOf(TimeoutError);
      expect(error).toMatchObject({ code: 'TIMEOUT', phase: 'total', limit: 50 });
      expect(server.requests).toHaveLength(2);
    });

    test('is of each attempt beside totalTimeout, also across instance and call', async ({ server }) => {
      server.answer(hang, 200);
      expect((await api.get(server.origin, { timeout: 30, totalTimeout: 5_000 })).status).toBe(200);
      expect(server.requests).toHaveLength(2);

      server.answer(...Array<typeof hang>(3).fill(hang), 200);
      expect((await api.extend({ timeout: 30 }).get(server.origin, { totalTimeout: 5_000 })).status).toBe(200);
      expect(server.requests).toHaveLength(4);

      server.answer(...Array<typeof hang>(5).fill(hang), 200);
      expect((await api.extend({ totalTimeout: false }).get(server.origin, { timeout: 30 })).status).toBe(200);
      expect(server.requests).toHaveLength(6);
    });

    test('sets each limit by name', async ({ server }) => {
      server.answer(stall);
      const idle = await failure(api.get(server.origin, { timeout: { idle: 20 } }).text());
      expect(idle).toMatchObject({ phase: 'idle', limit: 20 });
      server.answer(hang);
      const headers = await failure(api.get(server.origin, { timeout: { headers: 20 }, retry: false }));
      expect(headers).toMatchObject({ phase: 'headers', limit: 20 });
    });

    test('of a call is laid over that of the instance', async ({ server }) => {
      server.answer(stall);
      const hurried = api.extend({ timeout: { idle: 20 } });
      expect(await failure(hurried.get(server.origin, { timeout: 5_000 }).text())).toMatchObject({ phase: 'idle' });
      expect(await failure(hurried.get(server.origin, { timeout: replaceOption(30) }).text())).toMatchObject({
        phase: 'total',
      });
      expect(await failure(hurried.get(server.origin, { timeout: undefined }).text())).toMatchObject({ phase: 'idle' });
    });

    test('fails the call, and beforeError hears of it, when it is no duration', async ({ server }) => {
      const error = await failure(api.get(server.origin, { timeout: -1 }));
      expect(error).toBeInstanceOf(KyoaError);
      expect(error).toMatchObject({ code: 'INVALID_OPTION', message: expect.stringContaining('timeout total') });
      expect(server.requests).toHaveLength(0);
    });

    test('leaves an HTTPError without data when the body of the error does not end', async ({ server }) => {
      server.answer((response) => response.writeHead(400, { 'content-length': '1000' }).write('half'));
      const error = await failure(api.get(server.origin, { timeout: 50 }));
      expect(error).toBeInstanceOf(HTTPError);
      expect(error).toHaveProperty('data', undefined);
    });
  });

  describe('retry', () => {
    test('is on without a word', async ({ server }) => {
      server.answer(503, 503, 503, 200);
      expect((await kyoa.get(server.origin)).status).toBe(200);
      expect(server.requests).toHaveLength(4);
    });

    test('retries when the connection breaks, and throws a NetworkError when it goes on breaking', async ({
      server,
    }) => {
      server.answer(
        (response) => response.destroy(),
        200,
        (response) => response.destroy(),
      );
      expect((await api.get(server.origin)).status).toBe(200);
      expect(server.requests).toHaveLength(2);
      await expect(api.get(server.origin, { retry: 1 })).rejects.toThrow(NetworkError);
      expect(server.requests).toHaveLength(4);
    });

    test('retries every status that may pass', async ({ server }) => {
      for (const status of [408, 429, 500, 502, 503, 504]) {
        const before = server.requests.length;
        server.answer(...Array<number>(before + 1).fill(status), 200);
        expect((await api.get(server.origin)).status).toBe(200);
        expect(server.requests).toHaveLength(before + 2);
      }
    });

    test('retries an attempt that timed out', async ({ server }) => {
      server.answer(hang, 200);
      expect((await api.get(server.origin, { timeout: { headers: 30 } })).status).toBe(200);
      expect(server.requests).toHaveLength(2);
    });

    test('is switched off by false, for a call or an instance, and on again', async ({ server }) => {
      server.answer(503);
      await expect(api.get(server.origin, { retry: false })).rejects.toThrow(HTTPError);
      const once = api.extend({ retry: false });
      await expect(once.get(server.origin)).rejects.toThrow(HTTPError);
      expect(server.requests).toHaveLength(2);
      await expect(once.get(server.origin, { retry: 1 })).rejects.toThrow(HTTPError);
      expect(server.requests).toHaveLength(4);
      await expect(once.get(server.origin, { retry: true })).rejects.toThrow(HTTPError);
      expect(server.requests).toHaveLength(8);
    });

    test('takes the options of the policy, laid over those of the instance', async ({ server }) => {
      server.answer(404);
      const stubborn = api.extend({ retry: { statuses: [404], retries: 4 } });
      await expect(stubborn.get(server.origin, { retry: { limit: 1 } })).rejects.toThrow(HTTPError);
      expect(server.requests).toHaveLength(2);
      await expect(stubborn.get(server.origin)).rejects.toThrow(HTTPError);
      expect(server.requests).toHaveLength(7);
      await expect(stubborn.get(server.origin, { retry: { statuses: [503] } })).rejects.toThrow(HTTPError);
      expect(server.requests).toHaveLength(8);
    });

    test('takes Infinity, also beside a hook', async ({ server }) => {
      server.answer(503, 503, 503, 503, 503, 200);
      const hooks = { afterResponse: [() => undefined] };
      expect((await api.get(server.origin, { retry: Infinity, hooks })).status).toBe(200);
      expect(server.requests).toHaveLength(6);
    });

    test("refuses ky's own options, naming its own", async ({ server }) => {
      const options = { retry: { limit: 2, statusCodes: [500] } } as Options;
      const error = await failure(api.get(server.origin, options));
      expect(error).toMatchObject({ code: 'INVALID_OPTION', message: expect.stringMatching(/statusCodes.*statuses/) });
    });

    test('happens beneath the hooks', async ({ server }) => {
      server.answer(503, 200);
      const hook = vi.fn();
      await api.get(server.origin, {
        hooks: { beforeRequest: [hook], afterResponse: [hook], beforeRetry: [hook] },
      } as Options);
      expect(hook).toHaveBeenCalledTimes(2);
      expect(server.requests).toHaveLength(2);

      server.answer(503);
      await expect(api.get(server.origin, { retry: 1, hooks: { afterResponse: [hook] } })).rejects.toThrow(HTTPError);
      expect(hook).toHaveBeenCalledTimes(3);
      expect(server.requests).toHaveLength(4);
    });

    test('happens also when throwHttpErrors is off', async ({ server }) => {
      server.answer(503, 200);
      expect((await api.get(server.origin, { throwHttpErrors: false })).status).toBe(200);
      expect(server.requests).toHaveLength(2);
    });
  });

  describe('a body that is sent again', () => {
    test('is whole, whatever it was made of', async ({ server }) => {
      const form = new FormData();
      form.append('food', 'fries');
      const large = { text: 'x'.repeat(3_000_000) };
      const bodies: Options[] = [
        { json: { a: 1 } },
        { json: large },
        { body: 'text' },
        { body: new Uint8Array(2_000_000).fill(97) },
        { body: new Blob(['blob']) },
        { body: new URLSearchParams({ a: '1' }) },
        { body: form },
      ];
      for (const options of bodies) {
        const before = server.requests.length;
        server.answer(...Array<number>(before + 1).fill(503), 200);
        await api.put(server.origin, options);

        const [first, second] = server.requests.slice(before);
        const bare = (seen = first!): string => seen.body.replaceAll(/-+formdata-\S+/g, '');
        expect(bare(second)).toBe(bare(first));
        expect(second?.headers['content-length']).toBe(first?.headers['content-length']);
        expect(first?.body).not.toBe('');
        expect(server.requests).toHaveLength(before + 2);
      }
    });

    test('is whole beside hooks that replace the request, and beside onUploadProgress', async ({ server }) => {
      const json = { a: 1 };
      const calls: Options[] = [
        { json, hooks: { beforeRequest: [({ request }) => new Request(request, { headers: { a: '1' } })] } },
        { json: { old: true }, hooks: { beforeRequest: [({ request }) => new Request(request, { body: '{"a":1}' })] } },
        { json, hooks: { afterResponse: [() => undefined] } },
        { json, onUploadProgress() {} },
        { json: { old: true }, hooks: { init: [(options) => void (options.json = json)] } },
      ];
      for (const options of calls) {
        const before = server.requests.length;
        server.answer(...Array<number>(before + 1).fill(503), 200);
        await api.put(server.origin, options);
        expect(server.requests.slice(before).map(({ body }) => body)).toEqual(['{"a":1}', '{"a":1}']);
      }
    });

    test('is whole for a replacement that a hook of the instance makes', async ({ server }) => {
      server.answer(503, 200);
      const hooks = { beforeRequest: [({ request }: { request: Request }) => new Request(request, { body: 'new' })] };
      await api.extend({ hooks }).put(server.origin, { body: 'old' });
      expect(server.requests.map(({ body }) => body)).toEqual(['new', 'new']);
    });

    test('is none when a POST has no Idempotency-Key, and whole when it has one', async ({ server }) => {
      server.answer(503, 503, 200);
      await expect(api.post(server.origin, { json: 1 })).rejects.toThrow(HTTPError);
      await api.post(server.origin, { json: 2, headers: { 'idempotency-key': 'a' } });
      expect(server.requests.map(({ body }) => body)).toEqual(['1', '2', '2']);
    });
  });

  test('sends a stream once, as it comes, and keeps no copy', async ({ server }) => {
    server.answer(503);
    const clone = vi.spyOn(Request.prototype, 'clone');
    for (const put of [api.put, api.extend({ hooks: { beforeRequest: [() => undefined] } }).put]) {
      const before = { count: server.requests.length, bytes: server.received };
      const chunks = ['one', 'two'].map((chunk) => new TextEncoder().encode(chunk));
      const body = new ReadableStream({
        async pull(controller) {
          // The second chunk is made only when the server has the first.
          if (chunks.length === 1) await server.until(() => server.received === before.bytes + 3);
          const chunk = chunks.shift();
          if (chunk === undefined) controller.close();
          else controller.enqueue(chunk);
        },
      });
      await expect(put(server.origin, { body, duplex: 'half' } as Options)).rejects.toThrow(HTTPError);

      expect(server.requests.slice(before.count).map(({ body }) => body)).toEqual(['onetwo']);
      expect(server.last.headers['transfer-encoding']).toBe('chunked');
    }
    expect(clone).not.toHaveBeenCalled();
    clone.mockRestore();
  });

  test('leaves the stack alone when it is empty', async ({ server }) => {
    server.answer(503);
    const bare = kyoa.create({ use: [] });
    await expect(bare.get(server.origin, { retry: 3, timeout: 1_000 })).rejects.toThrow(HTTPError);
    expect(server.requests).toHaveLength(1);
  });

  test('answers with a fallback, unless the call says no', async ({ server }) => {
    server.answer(500);
    const kept = kyoa.create({ use: [fallback(() => ({ cached: true })), retry({ retries: 0 })] });

    expect(await kept.get(server.origin).json()).toEqual({ cached: true });
    await expect(kept.get(server.origin, { fallback: false })).rejects.toThrow(HTTPError);
  });

  test('has defaults for policies that create and extend take', async ({ server }) => {
    server.answer(503);
    const defaults: InstanceOptions = { retry: 1, timeout: { headers: 5_000 } };
    await expect(kyoa.create(defaults).extend({ headers: {} }).get(server.origin)).rejects.toThrow(HTTPError);
    expect(server.requests).toHaveLength(2);
  });
});
