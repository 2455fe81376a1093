/** What `total` limits outside the pipeline: hooks, `parseJson` and schemas. */
import { describe, expect, vi } from 'vitest';
import kyoa, {
  constant,
  HTTPError,
  isTimeoutError,
  retry,
  standard,
  timeout,
  TimeoutError,
  type BeforeErrorHook,
  type Options,
} from '../../src/index.ts';
import { reasonOf } from '../support/promises.ts';
import { clients, stall, test } from './server.ts';

const forever = (): Promise<never> => new Promise(() => {});
const schema = (validate: (value: unknown) => unknown): never =>
  ({ '~standard': { version: 1, vendor: 'test', validate } }) as never;

describe.each(clients)('$name as a client', ({ client }) => {
  const totalTimeout = 50;

  test('ends a parseJson that never resolves', async ({ server }) => {
    const call = client.get(server.origin, { totalTimeout, parseJson: forever });
    expect(await reasonOf(call.json())).toSatisfy(isTimeoutError);
  });

  test('ends a schema that never resolves', async ({ server }) => {
    const call = client.get(server.origin, { totalTimeout });
    expect(await reasonOf(call.json(schema(forever)))).toSatisfy(isTimeoutError);
  });

  test('ends a hook that never resolves', async ({ server }) => {
    for (const name of ['beforeRequest', 'afterResponse'] as const) {
      const call = client.get(server.origin, { totalTimeout, hooks: { [name]: [forever] } });
      expect(await reasonOf(call), name).toSatisfy(isTimeoutError);
    }
    expect(server.requests).toHaveLength(1);
  });

  test('passes what ends a hook, a body or a parser to beforeError', async ({ server }) => {
    const seen: [name: string, url: string][] = [];
    const beforeError: BeforeErrorHook[] = [
      ({ error, request }) => (seen.push([error.name, request.url]), new Error('replaced', { cause: error })),
    ];
    const calls: [options: Options, way: 'json' | 'text'][] = [
      [{ hooks: { beforeError, afterResponse: [forever] } }, 'text'],
      [{ hooks: { beforeError }, parseJson: forever }, 'json'],
    ];
    for (const [options, way] of calls) {
      expect(await reasonOf(client.get(server.origin, { totalTimeout, ...options })[way]())).toHaveProperty(
        'message',
        'replaced',
      );
    }
    server.respond(stall);
    const call = client.get(server.origin, { totalTimeout, hooks: { beforeError } });
    expect(await reasonOf(call.text())).toHaveProperty('message', 'replaced');
    expect(seen.map(String)).toEqual(Array(3).fill(`TimeoutError,${server.origin}/`));
  });

  test('passes an error to beforeError once, however the body is read', async ({ server }) => {
    server.respond(400);
    const hook = vi.fn(({ error }: { error: Error }) => error);
    await expect(client.get(server.origin, { hooks: { beforeError: [hook] } }).json()).rejects.toThrow(HTTPError);
    expect(hook).toHaveBeenCalledTimes(1);
  });

  test('does not wait for progress callbacks', async ({ server }) => {
    const progress = { onDownloadProgress: forever, onUploadProgress: forever } as never as Options;
    expect(await client.post(server.origin, { json: 1, totalTimeout: 5_000, ...progress }).json()).toMatchObject({
      body: '1',
    });
  });

  test('returns what parsers, schemas and hooks resolve to in time', async ({ server }) => {
    const call = client.get(server.origin, {
      totalTimeout: 5_000,
      parseJson: async (text) => `parsed ${text.length > 0}`,
      hooks: { beforeRequest: [async () => undefined], afterResponse: [async () => new Response('{}')] },
    });
    expect(await call.json(schema(async (value) => ({ value: [value] })))).toEqual(['parsed true']);
    const wrong = client.get(server.origin).json(schema(async () => ({ issues: [{ message: 'no' }] })));
    expect(await reasonOf(wrong)).toHaveProperty('name', 'SchemaValidationError');
    expect(await reasonOf(client.get(server.origin).json({} as never))).toBeInstanceOf(TypeError);
  });

  test('leaves data of an HTTPError undefined if parseJson never resolves', async ({ server }) => {
    server.respond((response) => response.writeHead(400, { 'content-type': 'application/json' }).end('{}'));
    const error = await reasonOf(client.get(server.origin, { timeout: 50, parseJson: forever }));
    expect(error).toBeInstanceOf(HTTPError);
    expect(error).toHaveProperty('data', undefined);
  });
});

describe('kyoa', () => {
  test('reports the total, whose time began with the request', async ({ server }) => {
    const slow = { beforeRequest: [() => new Promise<void>((resolve) => setTimeout(resolve, 40))] };
    const error = await reasonOf(kyoa.get(server.origin, { timeout: 60, parseJson: forever, hooks: slow }).json());
    expect(error).toBeInstanceOf(TimeoutError);
    expect(error).toMatchObject({ code: 'TIMEOUT', phase: 'total', limit: 60 });
    expect((error as TimeoutError).request?.url).toBe(`${server.origin}/`);
    expect((error as TimeoutError).elapsed).toBeGreaterThanOrEqual(59);
  });

  test('discards a Response that a hook returns too late', async ({ server }) => {
    const late = new Response('late');
    let resolve!: (late: Response) => void;
    const promise = new Promise<Response>((settle) => (resolve = settle));
    const call = kyoa.get(server.origin, { timeout: 20, hooks: { beforeRequest: [() => promise] } });
    expect(await reasonOf(call)).toBeInstanceOf(TimeoutError);
    resolve(late);
    await vi.waitFor(() => expect(late.bodyUsed).toBe(true));
    expect(server.requests).toHaveLength(0);
  });

  test('takes a total that an init hook sets, and none for `false`', async ({ server }) => {
    const parseJson = (text: string): Promise<unknown> =>
      new Promise((resolve) => setTimeout(() => resolve(text.length > 0), 60));
    const init = (timeout: number | false) => ({
      hooks: { init: [(options: Options) => void Object.assign(options, { timeout })] },
    });
    expect(await reasonOf(kyoa.get(server.origin, { parseJson, ...init(20) }).json())).toBeInstanceOf(TimeoutError);
    const unlimited = kyoa.extend({ timeout: 20 });
    expect(await unlimited.get(server.origin, { parseJson, ...init(false) }).json()).toBe(true);
  });

  test('does not take the limit of an attempt for that of the call', async ({ server }) => {
    const parseJson = (text: string): Promise<unknown> =>
      new Promise((resolve) => setTimeout(() => resolve(text.length > 0), 60));
    const api = kyoa.create({ use: [retry({ backoff: constant(0) }), timeout(40)] });
    expect(await api.get(server.origin, { parseJson }).json()).toBe(true);
    const both = kyoa.create({ use: [timeout(5_000), ...standard({ timeout: false })], parseJson });
    expect(await both.get(server.origin).json()).toBe(true);
    expect(await reasonOf(both.get(server.origin, { timeout: 20 }).json())).toBeInstanceOf(TimeoutError);
  });
});
