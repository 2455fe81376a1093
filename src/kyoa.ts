/** The client entry point: ky's API on the pipeline. This file and its parts in `kyoa/` are the only ones that import ky. */
import ky, {
  isTimeoutError as kysIsTimeoutError,
  type Hooks as KysHooks,
  type Input,
  type KyInstance,
  type Options as KyOptions,
  type ResponsePromise,
} from 'ky';
import { memory } from '../adapters/storage/memory.ts';
import type { CallOptions } from './call-options.ts';
import type { TimeoutError } from './core/errors.ts';
import type { Storage } from './core/storage.ts';
import { asKyoaFetch, clientPipeline, extendStack, fetchOf, type FetchExtension, type KyoaFetch } from './fetch.ts';
import { sendThrough, type BodyMethod, type Instance } from './kyoa/call.ts';
import { checkHooks } from './kyoa/hooks.ts';
import { refuseThird } from './kyoa/misplaced-data.ts';
import { checked, merge, merged, ourNames, splitChecked, toOverrides, type Overrides } from './kyoa/options.ts';
import { withRequest } from './kyoa/request.ts';
import { isLive, type Pipeline, type Stack } from './stack.ts';
import { refuseUnused } from './request-init.ts';
import type { Fetch } from './transport.ts';
import { standard } from './standard.ts';

/** ky's errors, guards and types, of which `index.ts` exports a selection. */
export * from 'ky';
/**
 * Whether an error is a `TimeoutError` of kyoa: a limit of the call has expired.
 *
 * ky's guard checks the name of an error only; here that name belongs to kyoa's own class.
 *
 * @example
 * ```ts
 * try {
 *   await kyoa.get('https://api.example.com/report', { timeout: 1_000 });
 * } catch (error) {
 *   if (isTimeoutError(error)) console.warn(`${error.phase}: ${error.limit} ms are over`);
 *   else throw error;
 * }
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/errors.md
 */
export const isTimeoutError: (error: unknown) => error is TimeoutError = kysIsTimeoutError as never;

/**
 * The options of a call of the client. ky's options, with kyoa's policies in place of ky's own timeout and retry. A
 * member that neither knows goes to the transport. The members of ky are not read-only, as in ky: code around the
 * client assigns them.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/migrating/ky.md
 */
export interface Options
  extends OrUndefined<Omit<KysOptions, 'hooks' | 'signal'>>, Omit<CallOptions, 'timeout' | 'retry'> {
  /**
   * Limits in ms. A number is `total`, which runs to the last byte of the body. Beside `totalTimeout`, a number limits
   * each attempt until its headers have arrived, as in ky. `false`: no limits.
   */
  timeout?: CallOptions['timeout'];
  /** ky's name for `timeout: { total }`, ms. */
  totalTimeout?: number | false | undefined;
  /** Attempts after the first, or options of `retry`. `false`: none. `limit` is ky's name for `retries`. */
  retry?: CallOptions['retry'] | { readonly limit: number };
  /** Aborts the call, beside the signal of the instance. `undefined` removes the latter, `replaceOption(signal)` replaces it. */
  signal?: AbortSignal | null | undefined;
  /** ky's hooks, appended to those of the instance; an explicit `undefined` removes those. Retries happen inside the hooks, so there is no `beforeRetry`. */
  hooks?: Readonly<OrUndefined<Hooks>> | undefined;
}

/**
 * The options of `create()`: the options of a call, which are the defaults of the instance, and its stack and storage.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/getting-started.md
 */
export interface InstanceOptions extends Options {
  /** The middleware, outermost first, in place of `standard()`; or a function from `standard()` to the stack. @default standard() */
  readonly use?: FetchExtension['use'];
  /** Where policies keep state that outlives a call. @default memory() */
  readonly storage?: Storage | undefined;
}

/**
 * The options of `extend()`. `use` is a list, which is added inside the present stack, or a function from the present
 * stack to the new one.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/onion.md#three-entry-points
 */
export type InstanceExtension = InstanceOptions;

/**
 * The hooks of the client: ky's, but without `beforeRetry`, because retries happen inside the hooks.
 *
 * @example
 * ```ts
 * const hooks: Hooks = { beforeRequest: [({ request }) => request.headers.set('x-app', 'shop')] };
 * const api = kyoa.create({ hooks });
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/migrating/ky.md
 */
export type Hooks = Omit<KysHooks, 'beforeRetry'>;

/** `T` is what `.json()` resolves to. */
type Call = <T>(url: Input, options?: Options) => ResponsePromise<T>;
/** Without the options that policies handle. */
type KysOptions = Omit<KyOptions, 'timeout' | 'totalTimeout' | 'retry'>;
type OrUndefined<T> = { [Name in keyof T]: T[Name] | undefined };

/**
 * A client, as `create()` and `extend()` return it: ky's API on a stack of policies. A call resolves to the Response, or
 * through `.json()`, `.text()` and so on to its body; it rejects with `HTTPError` if the status is not 2xx.
 *
 * @example
 * ```ts
 * const api: Kyoa = kyoa.create({ baseUrl: 'https://api.example.com/' });
 * const withToken = api.extend({ headers: { authorization: 'Bearer token' } });
 * const user = await withToken.get('users/1').json<{ name: string }>();
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/migrating/ky.md
 */
export interface Kyoa extends Call {
  /** Sends a GET request. @see {@link Options} */
  readonly get: Call;
  /** Sends a POST request. @see {@link Options} */
  readonly post: Call;
  /** Sends a PUT request. @see {@link Options} */
  readonly put: Call;
  /** Sends a PATCH request. @see {@link Options} */
  readonly patch: Call;
  /** Sends a DELETE request. @see {@link Options} */
  readonly delete: Call;
  /** Sends a QUERY request. @see {@link Options} */
  readonly query: Call;
  /** Sends a HEAD request. @see {@link Options} */
  readonly head: (url: Input, options?: Options) => ResponsePromise;
  /** A new instance that shares nothing with this one. @throws {KyoaError} `INVALID_OPTION` */
  create(defaults?: InstanceOptions): Kyoa;
  /** A new instance with this one's options, merged by ky's rules. Policies, storage and transport are shared. @throws {KyoaError} `INVALID_OPTION` */
  extend(defaults: InstanceExtension | ((parent: KysOptions) => InstanceExtension)): Kyoa;
  /** The same pipeline as a plain fetch, without ky, for libraries that accept a fetch. */
  readonly fetch: KyoaFetch;
  /** An `afterResponse` hook returns this to send the request again. */
  readonly retry: KyInstance['retry'];
  /** ky's symbol by which a `beforeRetry` hook ends the retries. Retries happen inside the hooks, so no hook returns it. */
  readonly stop: KyInstance['stop'];
}

/** The parts of an instance. */
interface Parts {
  readonly use: Stack;
  readonly storage: Storage;
  readonly transport: Fetch | undefined;
  /** The instance's overrides of its policies. */
  readonly overrides: Overrides;
  /** Defaults for ky. */
  readonly defaults: KyOptions;
}

/** `place` is where the plain fetch of the instance has its overrides. */
function assemble(parts: Parts, place: boolean | string = true): Kyoa {
  const { use, storage, transport, overrides } = parts;
  const { signal, hooks, ...defaults } = parts.defaults;
  const pipeline = clientPipeline({ use, storage, ...(transport && { fetch: withRequest(transport) }) });
  const names = ourNames(use);
  const instance: Instance = { use, storage, pipeline, transport, names, overrides, signal, hooks };
  const kys = ky.create(defaults);

  const through =
    (send: KyInstance | KyInstance['get'], method?: BodyMethod): Call =>
    (url, options = {}, ...more: unknown[]) => {
      refuseThird(more);
      return sendThrough(instance, send, url, options, method);
    };

  const extend = (extension: Parameters<Kyoa['extend']>[0]): Kyoa => {
    const parent = { ...parts.defaults, ...(transport && { fetch: transport }) };
    return assemble(extended(parts, typeof extension === 'function' ? extension(parent) : extension));
  };

  const withOverrides: Pipeline = (request, signal, { options, transport }) =>
    pipeline(request, signal, { options: toOverrides(merge(overrides, options)), transport });
  const fetch: KyoaFetch = asKyoaFetch(
    fetchOf(withOverrides, names, place, use),
    storage,
    ({ overrides = place, ...extension }) => assemble(extended(parts, extension), overrides).fetch,
  );

  return Object.assign(through(kys), {
    get: through(kys.get),
    head: through(kys.head),
    post: through(kys.post, 'post'),
    put: through(kys.put, 'put'),
    patch: through(kys.patch, 'patch'),
    delete: through(kys.delete),
    query: through(kys.query),
    create,
    extend,
    fetch,
    retry: ky.retry,
    stop: ky.stop,
  } satisfies Pick<Kyoa, keyof Kyoa>);
}

function create(defaults: InstanceOptions = {}): Kyoa {
  const { use: given } = checked(defaults);
  const use = Array.isArray(given) || isLive(given) ? [] : standard();
  return assemble(extended({ use, storage: memory(), transport: undefined, overrides: {}, defaults: {} }, defaults));
}

function extended(parts: Parts, extension: InstanceExtension = {}): Parts {
  const use = extendStack(parts.use, checked(extension).use);
  const [{ use: _, storage, fetch, ...ours }, kys] = splitChecked(extension, ourNames(use));
  refuseUnused(ours, use);
  checkHooks(kys);
  return {
    use,
    storage: (storage as Storage | undefined) ?? parts.storage,
    transport: (fetch as Fetch | undefined) ?? parts.transport,
    overrides: merge(parts.overrides, ours),
    defaults: merged(parts.defaults, kys),
  };
}

/**
 * The default client: ky's API with the standard stack. It replaces `import ky from 'ky'`.
 *
 * @example
 * ```ts
 * const users = await kyoa.get('https://api.example.com/users').json<string[]>();
 * const api = kyoa.create({ baseUrl: 'https://api.example.com/', timeout: 5_000, retry: 2 });
 * await api.post('orders', { json: { id: 42 }, requestId: 'order-42' });
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/getting-started.md
 */
const kyoa: Kyoa = create();
export default kyoa;
