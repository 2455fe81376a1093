/** Code that was written for ky, of which only the import has changed. It compiles, and it works. */
import { expect } from 'vitest';
import ky, {
  ForceRetryError,
  HTTPError,
  isForceRetryError,
  isHTTPError,
  isKyError,
  isNetworkError,
  isTimeoutError,
  KyError,
  NetworkError,
  replaceOption,
  SchemaValidationError,
  TimeoutError,
  type AfterResponseHook,
  type AfterResponseState,
  type BeforeErrorHook,
  type BeforeErrorState,
  type BeforeRequestHook,
  type BeforeRequestState,
  type Hooks,
  type InitHook,
  type Input,
  type KyInstance,
  type KyRequest,
  type KyResponse,
  type NormalizedOptions,
  type Options,
  type Progress,
  type ResponsePromise,
  type RetryOptions,
  type SearchParamsOption,
  type StandardSchemaV1,
  type StandardSchemaV1InferOutput,
  type StandardSchemaV1Issue,
} from '../../src/index.ts';
import { json, test } from './server.ts';

interface User {
  readonly id: number;
  readonly name: string;
}

let token = 'expired';

const authorize: BeforeRequestHook = ({ request, options }) => {
  request.headers.set('authorization', `${String(options.context['scheme'])} ${token}`);
};
const refresh: AfterResponseHook = async ({ request, options, response }) => {
  if (response.status !== 401) return undefined;
  token = (await ky.post(new URL('/token', request.url)).json<{ token: string }>()).token;
  request.headers.set('authorization', `Bearer ${token}`);
  return ky(request, options);
};
const explain: BeforeErrorHook = ({ error, options }: BeforeErrorState) => {
  if (isHTTPError<User>(error)) {
    const { response, data } = error;
    error.message = `${options.method} ${response.status} ${typeof data === 'object' ? data.name : data}`;
  }
  return error;
};
const locale: InitHook = (options) => {
  options.searchParams = { locale: 'de' } satisfies SearchParamsOption;
};
const hooks: Hooks = { init: [locale], beforeRequest: [authorize], afterResponse: [refresh], beforeError: [explain] };

class Users {
  readonly #http: KyInstance;

  constructor(prefix: string, http: KyInstance = ky) {
    const retry: RetryOptions = { methods: ['get'], maxRetryAfter: 1_000 };
    const defaults: Options = { prefix, hooks, retry, timeout: 5_000, totalTimeout: 20_000 };
    defaults.context = { scheme: 'Bearer' };
    this.#http = http.create(defaults).extend((parent) => ({ prefix: `${parent.prefix}/users`, headers: { a: '1' } }));
  }

  list(options?: Options): ResponsePromise<User[]> {
    return this.#http.get<User[]>('', options);
  }

  request<T>(method: 'get' | 'post' | 'put' | 'patch' | 'delete', url: Input, body?: unknown): Promise<T> {
    const options: Options = { retry: { limit: 1 } };
    if (body !== undefined) options.json = body;
    options.signal = AbortSignal.timeout(5_000);
    options.timeout = false;
    options.retry = 1;
    options.hooks = replaceOption(hooks);
    options.onUploadProgress = ({ percent }: Progress, chunk: Uint8Array) => void [percent, chunk.length];
    return this.#http[method](url, options).json<T>();
  }
}

function describeError(error: unknown): string {
  if (error instanceof TimeoutError || isTimeoutError(error)) return `late: ${error.request?.url}`;
  if (error instanceof NetworkError) return `offline: ${String(error.cause)}`;
  if (!(error instanceof HTTPError)) throw error;
  const { request, response, options }: { request: KyRequest; response: KyResponse; options: NormalizedOptions } =
    error;
  return `${request.method} ${response.status} ${options.prefix}`;
}

test('a file that was written for ky works with kyoa', async ({ server }) => {
  server.respond((response, seen) => {
    if (seen.url === '/token') json(response, { token: 'fresh' });
    else if (seen.headers.authorization !== 'Bearer fresh') json(response, {}, 401);
    else if (seen.method === 'DELETE') json(response, { name: 'Ann' }, 409);
    else json(response, [{ id: 1, name: seen.url }]);
  });
  const users = new Users(server.origin);

  expect(await users.list().json()).toEqual([{ id: 1, name: '/users/?locale=de' }]);
  expect((await users.list()).status).toBe(200);
  expect(await users.request<User[]>('post', '1', { name: 'Ann' })).toHaveLength(1);
  expect(server.last.body).toBe('{"name":"Ann"}');
  const error: unknown = await users.request('delete', '1').catch((error: unknown) => error);
  expect(error).toHaveProperty('message', 'DELETE 409 Ann');
  expect(describeError(error)).toBe(`DELETE 409 ${server.origin}/users`);
});

/** A schema, as Zod and Valibot have them. */
const userSchema: StandardSchemaV1<unknown, User> = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate: (value) =>
      typeof (value as User | null)?.name === 'string'
        ? { value: value as User }
        : { issues: [{ message: 'no name', path: ['name'] } satisfies StandardSchemaV1Issue] },
  },
};
type Validated = StandardSchemaV1InferOutput<typeof userSchema>;

/** A service that receives its client, with hooks in lists of their own, and options that are merged before the call. */
function createService(
  http: KyInstance,
  given?: Options,
): { user: (id: number) => Promise<Validated>; http: KyInstance } {
  const beforeRequest: BeforeRequestHook[] = [
    ({ request, retryCount }: BeforeRequestState) => {
      request.headers.set('x-try', String(retryCount));
    },
    async ({ request }) => new Request(request, { headers: { ...Object.fromEntries(request.headers), 'x-b': '2' } }),
  ];
  const afterResponse: AfterResponseHook[] = [
    ({ response, retryCount }: AfterResponseState) => {
      if (response.status === 202 && retryCount === 0) return ky.retry({ delay: 1, code: 'NOT_READY' });
      return undefined;
    },
  ];
  const options: Options = { ...given, method: 'get', hooks: { ...given?.hooks, beforeRequest, afterResponse } };
  const own = http.extend(options);
  return { http: own, user: (id) => own.get(`users/${id}`, { searchParams: { full: true } }).json(userSchema) };
}

type Method = Parameters<typeof ky>[1];
const verb = (options: Method): ResponsePromise => ky('users', { ...options, baseUrl: 'http://a.example' });

test('a service that was written for ky works with kyoa', async ({ server }) => {
  let asked = 0;
  server.respond((response, seen) => {
    asked += 1;
    if (asked === 1) json(response, {}, 202);
    else json(response, asked === 2 ? { id: 1, name: `${seen.url} ${String(seen.headers['x-b'])}` } : { id: 1 });
  });
  const service = createService(ky.create({ prefix: server.origin, retry: { limit: 2 } }), { credentials: 'omit' });
  expect(await service.user(1)).toEqual({ id: 1, name: '/users/1?full=true 2' });
  const error: unknown = await service.user(1).catch((error: unknown) => error);
  expect(error instanceof SchemaValidationError && error.issues[0]?.message).toBe('no name');
  expect([isKyError(error), isNetworkError(error), isForceRetryError(error)]).toEqual([false, false, false]);
  expect([HTTPError, NetworkError, ForceRetryError].map(({ prototype }) => prototype instanceof KyError)).toEqual([
    true,
    true,
    true,
  ]);
  await expect(verb({ fetch: async () => new Response('ok') }).text()).resolves.toBe('ok');
});
