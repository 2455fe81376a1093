/** The client entry point: ky's API on the pipeline. The only file that imports ky. */
import ky, {
  isTimeoutError as kysIsTimeoutError,
  replaceOption,
  type BeforeRequestHook,
  type Hooks,
  type Input,
  type KyInstance,
  type Options as KyOptions,
  type ResponsePromise,
} from 'ky';
import { memory } from '../adapters/storage/memory.ts';
import { callOptionNames, type CallOptions } from './call-options.ts';
import { GivenRequest, lazyCopy, type RequestLike } from './core/engine/lazy-request.ts';
import { privateState } from './core/engine/private-state.ts';
import { isStream, isTyped, snapshot } from './core/engine/request-body.ts';
import type { Middleware } from './core/context.ts';
import type { TimeoutError } from './core/errors.ts';
import type { Storage } from './core/storage.ts';
import { asKyoaFetch, createPipeline, extendStack, fetchOf, type FetchExtension, type KyoaFetch } from './fetch.ts';
import { retainSignal, withCallerSignals } from './lib/caller-signal.ts';
import type { Fetch } from './transport.ts';
import { standard } from './standard.ts';

/** ky's errors, guards and types, of which `index.ts` exports a selection. */
export * from 'ky';
/** ky's guard checks the name of an error only; here that name belongs to kyoa's own class. */
export const isTimeoutError: (error: unknown) => error is TimeoutError = kysIsTimeoutError as never;

/** ky's options, with kyoa's policies in place of ky's own timeout and retry. A member that neither knows goes to the transport. */
export interface Options extends Omit<KysOptions, 'hooks' | 'signal'>, Omit<CallOptions, 'timeout' | 'retry'> {
  /**
   * Limits in ms. A number is `total`, which runs to the last byte of the body. Beside `totalTimeout`, a number limits
   * each attempt until its headers have arrived, as in ky. `false`: no limits.
   */
  readonly timeout?: CallOptions['timeout'];
  /** ky's name for `timeout: { total }`, ms. */
  readonly totalTimeout?: number | false;
  /** Attempts after the first, or options of `retry`. `false`: none. `limit` is ky's name for `retries`. */
  readonly retry?: CallOptions['retry'] | { readonly limit: number };
  /** Aborts the call, beside the signal of the instance. `undefined` removes the latter, `replaceOption(signal)` replaces it. */
  readonly signal?: AbortSignal | null | undefined;
  /** ky's hooks, appended to those of the instance; an explicit `undefined` removes those. Retries happen inside the hooks, so there is no `beforeRetry`. */
  readonly hooks?: Removable<Omit<Hooks, 'beforeRetry'>> | undefined;
}

/** Options of an instance. */
export interface InstanceOptions extends Options {
  /** The middleware, outermost first. @default standard() */
  readonly use?: readonly Middleware[];
  /** Where policies keep state that outlives a call. @default memory() */
  readonly storage?: Storage;
}

/** `use` is a list, which is added inside the present stack, or a function from the present stack to the new one. */
export type InstanceExtension = Omit<InstanceOptions, 'use'> & Pick<FetchExtension, 'use'>;

/** `T` is what `.json()` resolves to. */
type Call = <T>(url: Input, options?: Options) => ResponsePromise<T>;
/** Without the options that policies handle. */
type KysOptions = Omit<KyOptions, 'timeout' | 'totalTimeout' | 'retry'>;
type Removable<T> = { readonly [Name in keyof T]: T[Name] | undefined };

/** ky's client. A call resolves to the Response, or through `.json()`, `.text()` and so on to its body; it rejects with `HTTPError` if the status is not 2xx. */
export interface Kyoa extends Call {
  readonly get: Call;
  readonly post: Call;
  readonly put: Call;
  readonly patch: Call;
  readonly delete: Call;
  readonly query: Call;
  readonly head: (url: Input, options?: Options) => ResponsePromise;
  /** A new instance that shares nothing with this one. @throws {KyoaError} `INVALID_OPTION` */
  create(defaults?: InstanceOptions): Kyoa;
  /** A new instance with this one's options, merged by ky's rules. Policies, storage and transport are shared. @throws {KyoaError} `INVALID_OPTION` */
  extend(defaults: InstanceExtension | ((parent: KysOptions) => InstanceExtension)): Kyoa;
  /** The same pipeline as a plain fetch, without ky, for libraries that accept a fetch. */
  readonly fetch: KyoaFetch;
  /** An `afterResponse` hook returns this to send the request again. */
  readonly retry: KyInstance['retry'];
  readonly stop: KyInstance['stop'];
}

/** The parts of an instance. */
interface Parts {
  readonly use: readonly Middleware[];
  readonly storage: Storage;
  readonly transport: Fetch | undefined;
  /** The instance's overrides of its policies. */
  readonly overrides: Overrides;
  /** Defaults for ky. */
  readonly defaults: KyOptions;
}

type Overrides = Readonly<Record<string, unknown>>;

/** Disables ky's own timers and retries: the pipeline has them. */
const off = { timeout: false, totalTimeout: false, retry: 0 } as const;

function assemble(parts: Parts): Kyoa {
  const { use, storage, transport, overrides } = parts;
  const pipeline = createPipeline({ use, storage, ...(transport && { fetch: transport }) });
  const plainFetch = fetchOf(pipeline, use);
  const names = ourNames(use);
  // Signals do not pass through ky, which derives one for every call. In Node 22 a derived signal leaves memory on a
  // long-lived signal, and it loses its abort to a garbage collection while the body is read.
  const { signal: own, ...defaults } = parts.defaults;
  const withoutBody = ky.create(off).extend(defaults);
  const withBody = ky.create({ ...off, hooks: { beforeRequest: [noteBody] } }).extend(defaults);

  const through =
    (send: (url: Input, options: KyOptions) => ResponsePromise<never>): Call =>
    (url, options = {}) => {
      const [{ fetch, ...ours }, { signal: _, ...kys }] = split(options, names);
      const call = fromKyOptions(merge(overrides, ours));
      const to = fetch === undefined ? pipeline : createPipeline({ use, storage, fetch: fetch as Fetch });
      const callers = signalsOf(own, options, url);
      const hooks = [defaults.hooks, content(kys.hooks)].filter((hooks) => hooks !== undefined);

      const transmit = (request: Request, init: object): Promise<Response> => {
        // Without hooks, the request's signal is one that ky never aborts. A hook may have set another one.
        const all = hooks.length === 0 ? callers : [...callers, retainSignal(request)];
        const run = (signal: AbortSignal | undefined): Promise<Response> =>
          to(asWritten(request), signal, { options: call, transport: init as Record<string, unknown> });
        return all.length > 1 ? withCallerSignals(all, run) : run(all[0]);
      };
      // Hooks receive the signal, and a forced retry stops waiting when it aborts.
      const seen = hooks.length > 0 && callers.length > 0 && { signal: AbortSignal.any(callers) };
      const forced = hooks.some(({ afterResponse }) => afterResponse?.length) && forcedRetries(call['retry']);
      // What the caller changes later is not sent.
      const copy = kys.body != null && { body: snapshot(kys.body) };
      return send(url, { ...kys, ...copy, ...seen, ...forced, fetch: transmit as Fetch });
    };

  const extend = (extension: Parameters<Kyoa['extend']>[0]): Kyoa => {
    const parent = { ...parts.defaults, ...(transport && { fetch: transport }) };
    return assemble(extended(parts, typeof extension === 'function' ? extension(parent) : extension));
  };

  const fetch: KyoaFetch = asKyoaFetch(
    (input, init = {}) => {
      const [ours, platforms] = split(init, names);
      return plainFetch(input, { ...(platforms as RequestInit), ...fromKyOptions(merge(overrides, ours)) });
    },
    (extension) => extend(extension).fetch,
  );

  return Object.assign(through(withBody), {
    get: through(withoutBody.get),
    head: through(withoutBody.head),
    post: through(withBody.post),
    put: through(withBody.put),
    patch: through(withBody.patch),
    delete: through(withBody.delete),
    query: through(withBody.query),
    create,
    extend,
    fetch,
    retry: ky.retry,
    stop: ky.stop,
  } satisfies Pick<Kyoa, keyof Kyoa>);
}

function create(defaults: InstanceOptions = {}): Kyoa {
  const use = defaults.use ? [] : standard();
  return assemble(extended({ use, storage: memory(), transport: undefined, overrides: {}, defaults: {} }, defaults));
}

function extended(parts: Parts, extension: InstanceExtension): Parts {
  const use = extendStack(parts.use, extension.use);
  const [{ use: _, storage, fetch, ...ours }, kys] = split(extension, ourNames(use));
  return {
    use,
    storage: (storage as Storage | undefined) ?? parts.storage,
    transport: (fetch as Fetch | undefined) ?? parts.transport,
    overrides: merge(parts.overrides, ours),
    defaults: merged(parts.defaults, kys),
  };
}

/** A Request exposes its body as a stream only. ky still has the body's source, with which it can be sent again. */
const noteBody: BeforeRequestHook = ({ request, options: { body } }) => {
  if (body != null) bodies.set(request, body);
};

const bodies = privateState<BodyInit>();

/** ky's Request as a URL and an init, with the body that ky has created it from. */
function asWritten(request: Request): RequestLike {
  const body = bodies.get(request);
  if (body === undefined) return new GivenRequest(request);
  if (isStream(body)) return lazyCopy(request, request.body);
  const copy = lazyCopy(request, body);
  const isTypeRemoved = isTyped(body) && !request.headers.has('content-type');
  return isTypeRemoved ? copy.derive({ headers: { 'content-type': undefined } }) : copy;
}

/** The signals of the instance, of the call and of its Request, by ky's rules. */
function signalsOf(own: AbortSignal | null | undefined, options: Options, url: Input): AbortSignal[] {
  const { signal } = options;
  const given = content(signal) ?? (url instanceof Request ? retainSignal(url) : undefined);
  const isReplaced = 'signal' in options && (signal === undefined || isReplacement(signal));
  return [isReplaced ? undefined : own, given].filter((signal) => signal instanceof AbortSignal);
}

/** `ky.retry()` in an `afterResponse` hook needs a limit in ky. Without methods, ky retries nothing else. */
function forcedRetries(retry: unknown): Pick<KyOptions, 'retry'> {
  const retries = retry === false ? 0 : isObject(retry) ? retry['retries'] : undefined;
  return { retry: { limit: Math.min(Number(retries ?? 2), Number.MAX_SAFE_INTEGER), methods: [] } }; // 2 is ky's own
}

/** The members that ky must not receive: it would act on them, or merge objects that are not plain. */
function ourNames(use: readonly Middleware[]): ReadonlySet<string> {
  return new Set([...callOptionNames, ...use.map(({ name }) => name), 'totalTimeout', 'fetch', 'use', 'storage']);
}

function split(options: object, names: ReadonlySet<string>): [ours: Record<string, unknown>, kys: KyOptions] {
  if (typeof options !== 'object' || Array.isArray(options)) throw new TypeError('The options must be an object');
  const ours: Record<string, unknown> = {};
  const kys: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(options)) (names.has(name) ? ours : kys)[name] = value;
  return [ours, kys];
}

/** An object is merged over an object, any other value replaces; `undefined` changes nothing. */
function merge(defaults: Overrides, given: Overrides): Overrides {
  const laid: Record<string, unknown> = { ...defaults };
  for (const [name, member] of Object.entries(given)) {
    if (member === undefined) continue;
    const value = expanded(name, content(member));
    const below = isReplacement(member) ? undefined : laid[name];
    laid[name] = isObject(value) && isObject(below) ? { ...below, ...value } : value;
  }
  return laid;
}

/** A number as the object that it is short for, so that it can be merged; ky's `limit` as `retries`. */
function expanded(name: string, value: unknown): unknown {
  if (name === 'timeout' && typeof value === 'number') return { total: value };
  if (name === 'retry' && typeof value === 'number') return { retries: value };
  if (name !== 'retry' || !isObject(value) || !('limit' in value)) return value;
  const { limit, ...others } = value;
  return { ...others, retries: limit };
}

/** Beside `totalTimeout`, ky's `timeout` limits an attempt. */
function fromKyOptions({ totalTimeout: total, ...overrides }: Overrides): Overrides {
  if (total === undefined) return overrides;
  const timeout = overrides['timeout'] === false ? { total: false, idle: false } : overrides['timeout'];
  const { total: headers, ...limits } = isObject(timeout) ? timeout : {};
  return { ...overrides, timeout: { ...(headers !== undefined && { headers }), ...limits, total } };
}

/** Merges as ky does. ky exposes its merging only through instances. */
function merged(defaults: KyOptions, extension: KyOptions): KyOptions {
  let result = defaults;
  ky.create(defaults)
    .extend(extension)
    .extend((all) => (result = all));
  return result;
}

/** The symbol by which `replaceOption` marks a value; ky does not export it. */
const [replacement] = Object.getOwnPropertySymbols(replaceOption({})) as [symbol];

function isReplacement(value: unknown): boolean {
  return isObject(value) && replacement in value;
}

/** The value that `replaceOption` received, or the value itself. */
function content<T>(value: T): T {
  return isReplacement(value) ? (value as { value: T }).value : value;
}

/** Whether it is a plain object. An instance of a class is not merged. */
function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

/** The default client: ky's API with the standard stack. It replaces `import ky from 'ky'`. */
const kyoa: Kyoa = create();
export default kyoa;
