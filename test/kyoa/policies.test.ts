/** The policies of kyoa under the option names of ky: timeout, totalTimeout, retry. */
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
  type AfterResponseHook,
  type InstanceOptions,
  type Options,
  type Progress,
} from '../../src/index.ts';
import { reasonOf } from '../support/promises.ts';
import { clients, hang, stall, test } from './server.ts';

/** A client that retries without a pause. */
const api = kyoa.create({ use: standard({ retry: { backoff: constant(0) } }) });

describe.each(clients)('$name as a client', ({ client }) => {
  describe('timeout', () => {
    test('rejects with a TimeoutError after the limit', async ({ server }) => {
      server.respond(hang);
      const error = await reasonOf(client.get(server.origin, { timeout: 20 }).json());

      expect(isTimeoutError(error) && isKyError(error)).toBe(true);
      expect(isTimeoutError(error) && error.request!.url).toBe(`${server.origin}/`);
      await server.until(() => server.cut === 1);
      expect(server.requests).toHaveLength(1);
    });

    test('limits the body too', async ({ server }) => {
      server.respond(stall);
      expect(await reasonOf(client.get(server.origin, { timeout: 50 }).text())).toSatisfy(isTimeoutError);
      await server.until(() => server.cut === 1);
    });

    test('limits all attempts together with totalTimeout', async ({ server }) => {
      server.respond(hang);
      expect(await reasonOf(client.get(server.origin, { totalTimeout: 100 }))).toSatisfy(isTimeoutError);
      expect(await reasonOf(client.get(server.origin, { timeout: false, totalTimeout: 100 }))).toSatisfy(
        isTimeoutError,
      );
      await server.until(() => server.cut === 2);
    });

    test('sets no limit with timeout: false', async ({ server }) => {
      server.respond((response) => setTimeout(() => response.end('late'), 60));
      const patient = client.create({ timeout: 20 });
      expect(await patient.get(server.origin, { timeout: false }).text()).toBe('late');
      expect(
        await client
          .create({ timeout: 20, totalTimeout: 30 })
          .get(server.origin, { timeout: false, totalTimeout: false })
          .text(),
      ).toBe('late');
    });

    test('passes its error to beforeError', async ({ server }) => {
      server.respond(hang);
      const seen: Error[] = [];
      const call = client.get(server.origin, {
        timeout: 20,
        hooks: { beforeError: [({ error }) => (seen.push(error), error)] },
      });
      expect(await reasonOf(call)).toBe(seen[0]);
      expect(seen).toEqual([expect.toSatisfy(isTimeoutError)]);
    });
  });

  describe('retry', () => {
    test('retries transient statuses, and obeys Retry-After', async ({ server }) => {
      server.respond(429, 503, 200);
      expect((await client.get(server.origin)).status).toBe(200);
      expect(server.requests).toHaveLength(3);
    });

    test('sends no more retries than its limit', async ({ server }) => {
      server.respond(503);
      await expect(client.get(server.origin, { retry: 1 })).rejects.toThrow(HTTPError);
      expect(server.requests).toHaveLength(2);
      await expect(client.get(server.origin, { retry: { limit: 0 } })).rejects.toThrow(HTTPError);
      expect(server.requests).toHaveLength(3);
      await expect(client.create({ retry: { limit: 2 } }).get(server.origin)).rejects.toThrow(HTTPError);
      expect(server.requests).toHaveLength(6);
    });

    test('does not retry a 404', async ({ server }) => {
      server.respond(404);
      await expect(client.get(server.origin)).rejects.toThrow(HTTPError);
      expect(server.requests).toHaveLength(1);
    });

    test('never sends a POST twice', async ({ server }) => {
      server.respond(503, 200);
      await expect(client.post(server.origin, { json: {} })).rejects.toThrow(HTTPError);
      await expect(client.patch(server.origin, { json: {} })).resolves.toBeDefined();
      expect(server.requests).toHaveLength(2);
    });
  });
});

describe('kyoa', () => {
  describe('timeout', () => {
    test('limits the whole call when it is a number', async ({ server }) => {
      server.respond(503, hang);
      const error = await reasonOf(api.get(server.origin, { timeout: 50 }));

      expect(error).toBeInstanceOf(TimeoutError);
      expect(error).toMatchObject({ code: 'TIMEOUT', phase: 'total', limit: 50 });
      expect(server.requests).toHaveLength(2);
    });

    test('limits each attempt beside totalTimeout, also if the instance has one and the call the other', async ({
      server,
    }) => {
      server.respond(hang, 200);
      expect((await api.get(server.origin, { timeout: 30, totalTimeout: 5_000 })).status).toBe(200);
      expect(server.requests).toHaveLength(2);

      server.respond(...Array<typeof hang>(3).fill(hang), 200);
      expect((await api.extend({ timeout: 30 }).get(server.origin, { totalTimeout: 5_000 })).status).toBe(200);
      expect(server.requests).toHaveLength(4);

      server.respond(...Array<typeof hang>(5).fill(hang), 200);
      expect((await api.extend({ totalTimeout: false }).get(server.origin, { timeout: 30 })).status).toBe(200);
      expect(server.requests).toHaveLength(6);
    });

    test('sets each limit by name', async ({ server }) => {
      server.respond(stall);
      const idle = await reasonOf(api.get(server.origin, { timeout: { idle: 20 } }).text());
      expect(idle).toMatchObject({ phase: 'idle', limit: 20 });
      server.respond(hang);
      const headers = await reasonOf(api.get(server.origin, { timeout: { headers: 20 }, retry: false }));
      expect(headers).toMatchObject({ phase: 'headers', limit: 20 });
    });

    test('of a call is merged over that of the instance', async ({ server }) => {
      server.respond(stall);
      const hurried = api.extend({ timeout: { idle: 20 } });
      expect(await reasonOf(hurried.get(server.origin, { timeout: 5_000 }).text())).toMatchObject({ phase: 'idle' });
      expect(await reasonOf(hurried.get(server.origin, { timeout: replaceOption(30) }).text())).toMatchObject({
        phase: 'total',
      });
      expect(await reasonOf(hurried.get(server.origin, { timeout: undefined }).text())).toMatchObject({
        phase: 'idle',
      });
    });

    test('fails the call if it is no duration', async ({ server }) => {
      const error = await reasonOf(api.get(server.origin, { timeout: -1 }));
      expect(error).toBeInstanceOf(KyoaError);
      expect(error).toMatchObject({ code: 'INVALID_OPTION', message: expect.stringContaining('timeout total') });
      expect(server.requests).toHaveLength(0);
    });

    test('rejects with an HTTPError without data if the body of the error does not end in time', async ({ server }) => {
      server.respond((response) => response.writeHead(400, { 'content-length': '1000' }).write('half'));
      const error = await reasonOf(api.get(server.origin, { timeout: 50 }));
      expect(error).toBeInstanceOf(HTTPError);
      expect(error).toHaveProperty('data', undefined);
    });
  });

  describe('retry', () => {
    test('is on by default', async ({ server }) => {
      server.respond(503, 503, 503, 200);
      expect((await kyoa.get(server.origin)).status).toBe(200);
      expect(server.requests).toHaveLength(4);
    });

    test('retries a broken connection, and rejects with a NetworkError if all attempts break', async ({ server }) => {
      server.respond(
        (response) => response.destroy(),
        200,
        (response) => response.destroy(),
      );
      expect((await api.get(server.origin)).status).toBe(200);
      expect(server.requests).toHaveLength(2);
      await expect(api.get(server.origin, { retry: 1 })).rejects.toThrow(NetworkError);
      expect(server.requests).toHaveLength(4);
    });

    test('retries each transient status', async ({ server }) => {
      for (const status of [408, 429, 500, 502, 503, 504]) {
        const before = server.requests.length;
        server.respond(...Array<number>(before + 1).fill(status), 200);
        expect((await api.get(server.origin)).status).toBe(200);
        expect(server.requests).toHaveLength(before + 2);
      }
    });

    test('retries an attempt that timed out', async ({ server }) => {
      server.respond(hang, 200);
      expect((await api.get(server.origin, { timeout: { headers: 30 } })).status).toBe(200);
      expect(server.requests).toHaveLength(2);
    });

    test('is switched off by false for a call or an instance, and on again by a call', async ({ server }) => {
      server.respond(503);
      await expect(api.get(server.origin, { retry: false })).rejects.toThrow(HTTPError);
      const once = api.extend({ retry: false });
      await expect(once.get(server.origin)).rejects.toThrow(HTTPError);
      expect(server.requests).toHaveLength(2);
      await expect(once.get(server.origin, { retry: 1 })).rejects.toThrow(HTTPError);
      expect(server.requests).toHaveLength(4);
      await expect(once.get(server.origin, { retry: true })).rejects.toThrow(HTTPError);
      expect(server.requests).toHaveLength(8);
    });

    test('takes the options of the policy, merged over those of the instance', async ({ server }) => {
      server.respond(404);
      const stubborn = api.extend({ retry: { statuses: [404], retries: 4 } });
      await expect(stubborn.get(server.origin, { retry: { limit: 1 } })).rejects.toThrow(HTTPError);
      expect(server.requests).toHaveLength(2);
      await expect(stubborn.get(server.origin)).rejects.toThrow(HTTPError);
      expect(server.requests).toHaveLength(7);
      await expect(stubborn.get(server.origin, { retry: { statuses: [503] } })).rejects.toThrow(HTTPError);
      expect(server.requests).toHaveLength(8);
    });

    test('takes Infinity, also with a hook', async ({ server }) => {
      server.respond(503, 503, 503, 503, 503, 200);
      const hooks = { afterResponse: [() => undefined] };
      expect((await api.get(server.origin, { retry: Infinity, hooks })).status).toBe(200);
      expect(server.requests).toHaveLength(6);
    });

    test('runs inside the hooks', async ({ server }) => {
      server.respond(503, 200);
      const hook = vi.fn();
      await api.get(server.origin, {
        hooks: { beforeRequest: [hook], afterResponse: [hook], beforeRetry: [hook] },
      } as Options);
      expect(hook).toHaveBeenCalledTimes(2);
      expect(server.requests).toHaveLength(2);

      server.respond(503);
      await expect(api.get(server.origin, { retry: 1, hooks: { afterResponse: [hook] } })).rejects.toThrow(HTTPError);
      expect(hook).toHaveBeenCalledTimes(3);
      expect(server.requests).toHaveLength(4);
    });

    test('runs also with throwHttpErrors: false', async ({ server }) => {
      server.respond(503, 200);
      expect((await api.get(server.origin, { throwHttpErrors: false })).status).toBe(200);
      expect(server.requests).toHaveLength(2);
    });
  });

  describe('a body that is sent again', () => {
    test('is whole, from any source', async ({ server }) => {
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
        server.respond(...Array<number>(before + 1).fill(503), 200);
        await api.put(server.origin, options);

        const [first, second] = server.requests.slice(before);
        const bare = (seen = first!): string => seen.body.replaceAll(/-+formdata-\S+/g, '');
        expect(bare(second)).toBe(bare(first));
        expect(second?.headers['content-length']).toBe(first?.headers['content-length']);
        expect(first?.body).not.toBe('');
        expect(server.requests).toHaveLength(before + 2);
      }
    });

    test('is whole with hooks that replace the request, and with onUploadProgress', async ({ server }) => {
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
        server.respond(...Array<number>(before + 1).fill(503), 200);
        await api.put(server.origin, options);
        expect(server.requests.slice(before).map(({ body }) => body)).toEqual(['{"a":1}', '{"a":1}']);
      }
    });

    test('is whole however large it is, with onUploadProgress', async ({ server }) => {
      const body = 'x'.repeat(3_000_000);
      const form = new FormData();
      form.append('file', new Blob([body]));
      const calls: Options[] = [
        { body },
        { json: body },
        { body: form },
        { body, headers: { 'idempotency-key': 'a' }, method: 'post' },
        { body, hooks: { afterResponse: [() => undefined], beforeRequest: [() => undefined] } },
      ];
      for (const options of calls) {
        const before = server.requests.length;
        server.respond(...Array<number>(before + 1).fill(503), 200);
        let sent = 0;
        await api(server.origin, {
          method: 'put',
          ...options,
          onUploadProgress: (_, { length }) => void (sent += length),
        });
        const bare = server.requests.slice(before).map((seen) => seen.body.replaceAll(/-+formdata-\S+/g, ''));
        expect(bare).toEqual([bare[0], bare[0]]);
        expect(sent).toBeGreaterThanOrEqual(3_000_000);
      }
    });

    test.for([
      ['a text', 'x'.repeat(100_000), 100_000],
      ['a text with letters of two bytes', 'ü'.repeat(50_000), 100_000],
      ['a Blob', new Blob(['x'.repeat(100_000)]), 100_000],
      ['bytes', new Uint8Array(100_000).fill(120), 100_000],
      ['parameters', new URLSearchParams({ a: 'x'.repeat(99_998) }), 100_000],
    ] as const)('of %s is reported for every attempt', async ([, body, total], { server }) => {
      server.respond(503, 200);
      const seen: Progress[] = [];
      await api.put(server.origin, { body, onUploadProgress: (progress) => void seen.push(progress) });
      const whole = { percent: 1, transferredBytes: total, totalBytes: total };
      expect(seen.filter(({ percent }) => percent === 1)).toEqual([whole, whole]);
      expect(seen.every(({ totalBytes }) => totalBytes === total)).toBe(true);
      expect(server.requests.map(({ body }) => Buffer.byteLength(body))).toEqual([total, total]);
    });

    test.for([
      ['a text', 'x'.repeat(1_000_000)],
      ['a Blob', new Blob(['x'.repeat(1_000_000)])],
      ['bytes', new Uint8Array(1_000_000).fill(120)],
    ] as const)('of %s is reported in parts', async ([, body], { server }) => {
      const seen: number[] = [];
      const onUploadProgress = ({ transferredBytes }: Progress): void => void seen.push(transferredBytes);
      await api.put(server.origin, { body, onUploadProgress });
      expect(seen.length).toBeGreaterThan(9);
      expect(seen.every((bytes, i) => bytes > (seen[i - 1] ?? 0))).toBe(true);
      expect(seen.at(-1)).toBe(1_000_000);
      expect(server.requests[0]!.body).toBe('x'.repeat(1_000_000));
    });

    test('is that of the Request which a hook sets, with onUploadProgress', async ({ server }) => {
      const bodies = ['old', 'new'].map((name) => name.repeat(10));
      const replace = ({ request }: { request: Request }): Request => new Request(request, { body: bodies[1]! });
      const onUploadProgress = (): void => undefined;
      server.respond(503, 200);
      await api.put(server.origin, { body: bodies[0]!, onUploadProgress, hooks: { beforeRequest: [replace] } });
      server.respond(503, 503, 201, 503, 200);
      const again: AfterResponseHook = ({ request, response }) =>
        response.status === 201 ? kyoa.retry({ request: replace({ request }) }) : undefined;
      await api.put(server.origin, { body: bodies[0]!, onUploadProgress, hooks: { afterResponse: [again] } });
      const [old, fresh] = bodies;
      expect(server.requests.map(({ body }) => body)).toEqual([fresh, fresh, old, fresh, fresh]);
    });

    test('is whole in a Request that a hook of the instance makes', async ({ server }) => {
      server.respond(503, 200);
      const hooks = { beforeRequest: [({ request }: { request: Request }) => new Request(request, { body: 'new' })] };
      await api.extend({ hooks }).put(server.origin, { body: 'old' });
      expect(server.requests.map(({ body }) => body)).toEqual(['new', 'new']);
    });

    test('of a POST needs an Idempotency-Key', async ({ server }) => {
      server.respond(503, 503, 200);
      await expect(api.post(server.origin, { json: 1 })).rejects.toThrow(HTTPError);
      await api.post(server.origin, { json: 2, headers: { 'idempotency-key': 'a' } });
      expect(server.requests.map(({ body }) => body)).toEqual(['1', '2', '2']);
    });
  });

  test('sends a stream once, as it arrives, and keeps no copy', async ({ server }) => {
    server.respond(503);
    const clone = vi.spyOn(Request.prototype, 'clone');
    for (const put of [api.put, api.extend({ hooks: { beforeRequest: [() => undefined] } }).put]) {
      const before = { count: server.requests.length, bytes: server.received };
      const chunks = ['one', 'two'].map((chunk) => new TextEncoder().encode(chunk));
      const body = new ReadableStream({
        async pull(controller) {
          // The second chunk is created only when the server has received the first.
          if (chunks.length === 1) await server.until(() => server.received === before.bytes + 3);
          const chunk = chunks.shift();
          if (chunk === undefined) controller.close();
          else controller.enqueue(chunk);
        },
      });
      // With search parameters, ky moves the stream into another Request.
      const options = { body, duplex: 'half', searchParams: { page: '2' } } as Options;
      await expect(put(server.origin, options)).rejects.toThrow(HTTPError);

      expect(server.requests.slice(before.count).map(({ body }) => body)).toEqual(['onetwo']);
      expect(server.last.headers['transfer-encoding']).toBe('chunked');
    }
    expect(clone).not.toHaveBeenCalled();
    clone.mockRestore();
  });

  test('runs no policy with an empty stack', async ({ server }) => {
    server.respond(503);
    const bare = kyoa.create({ use: [] });
    await expect(bare.get(server.origin)).rejects.toThrow(HTTPError);
    expect(server.requests).toHaveLength(1);
  });

  test('responds with a fallback, unless the call has fallback: false', async ({ server }) => {
    server.respond(500);
    const cached = kyoa.create({ use: [fallback(() => ({ cached: true })), retry({ retries: 0 })] });

    expect(await cached.get(server.origin).json()).toEqual({ cached: true });
    await expect(cached.get(server.origin, { fallback: false })).rejects.toThrow(HTTPError);
  });

  test('keeps the defaults for policies of create through extend', async ({ server }) => {
    server.respond(503);
    const defaults: InstanceOptions = { retry: 1, timeout: { headers: 5_000 } };
    await expect(kyoa.create(defaults).extend({ headers: {} }).get(server.origin)).rejects.toThrow(HTTPError);
    expect(server.requests).toHaveLength(2);
  });
});
