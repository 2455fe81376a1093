/** The client face: ky's whole API on the pipeline. The only file that knows ky. */
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
import { setBodySource } from './core/engine/body-source.ts';
import type { Middleware } from './core/context.ts';
import type { TimeoutError } from './core/errors.ts';
import type { Storage } from './core/storage.ts';
import { asKyoaFetch, createFetch, extendStack, type FetchExtension, type KyoaFetch } from './fetch.ts';
import { retainSignal, withCallerSignals } from './lib/signal.ts';
import type { Fetch } from './transport.ts';
import { standard } from './standard.ts';

/** For the index, which picks from it: ky's errors, guards and types. */
export * from 'ky';
/** ky's guard, which goes by the name, told of the class that has it here. */
export const isTimeoutError: (error: unknown) => error is TimeoutError = kysIsTimeoutError as never;

/** ky's options, with kyoa's policies in the place of its own timeout and retry; whatever neither knows goes to the transport. */
export interface Options extends Omit<KysOptions, 'hooks' | 'signal'>, Omit<CallOptions, 'timeout' | 'retry'> {
  /**
   * Limits in ms, one by one or as a number, which is the `total`: to the last byte of the body. Beside `totalTimeout` a
   * number limits each attempt until its headers are in, as in ky. `false` for no limits.
   */
  readonly timeout?: CallOptions['timeout'];
  /** ky's name for `timeout: { total }`, ms. */
  readonly totalTimeout?: number | false;
  /** Attempts after the first, or options of the policy; `false` for none. `limit` is ky's name for `retries`. */
  readonly retry?: CallOptions['retry'] | { readonly limit: number };
  /** Aborts the call, as does the instance's own; `undefined` removes that one, `replaceOption(signal)` replaces it. */
  readonly signal?: AbortSignal | null | undefined;
  /** ky's, appended to the instance's; an explicit `undefined` removes those. Retries happen beneath them, so there is no `beforeRetry`. */
  readonly hooks?: Removable<Omit<Hooks, 'beforeRetry'>> | undefined;
}

/** Options that make an instance. */
export interface InstanceOptions extends Options {
  /** The onion, first is outermost. @default standard() */
  readonly use?: readonly Middleware[];
  /** Where policies keep what outlives a call. @default memory() */
  readonly storage?: Storage;
}

/** `use` adds inside the present stack, or rewrites it with a function. */
export type InstanceExtension = Omit<InstanceOptions, 'use'> & Pick<FetchExtension, 'use'>;

/** `T` is what `.json()` resolves to. */
type Call = <T>(url: Input, options?: Options) => ResponsePromise<T>;
/** All but what the policies have taken over. */
type KysOptions = Omit<KyOptions, 'timeout' | 'totalTimeout' | 'retry'>;
type Removable<T> = { readonly [Name in keyof T]: T[Name] | undefined };

/** Resolves to the Response, or through `.json()`, `.text()` and their like to its body; rejects with `HTTPError` when its status is not 2xx. */
export interface Kyoa extends Call {
  readonly get: Call;
  readonly post: Call;
  readonly put: Call;
  readonly patch: Call;
  readonly delete: Call;
  readonly query: Call;
  readonly head: (url: Input, options?: Options) => ResponsePromise;
  /** A new instance with nothing of this one. @throws {KyoaError} `INVALID_OPTION` */
  create(defaults?: InstanceOptions): Kyoa;
  /** A new instance with ky's merging rules; policies, storage and transport are shared. @throws {KyoaError} `INVALID_OPTION` */
  extend(defaults: InstanceExtension | ((parent: KysOptions) => InstanceExtension)): Kyoa;
  /** The same pipeline as a plain fetch, for whatever takes one: the policies as this instance has them, nothing of ky. */
  readonly fetch: KyoaFetch;
  /** What an `afterResponse` hook returns to have the request sent again. */
  readonly retry: KyInstance['retry'];
  readonly stop: KyInstance['stop'];
}

/** What an instance is made of. */
interface Parts {
  readonly use: readonly Middleware[];
  readonly storage: Storage;
  readonly transport: Fetch | undefined;
  /** Defaults for the policies. */
  readonly overrides: Overrides;
  /** Defaults for ky. */
  readonly defaults: KyOptions;
}

type Overrides = Readonly<Record<string, unknown>>;

/** ky's own timers and retries are off; the pipeline has them. */
const off = { timeout: false, totalTimeout: false, retry: 0 } as const;

function assemble(parts: Parts): Kyoa {
  const { use, storage, transport, overrides } = parts;
  const pipeline = createFetch({ use, storage, ...(transport && { fetch: transport }) });
  const names = ourNames(use);
  // Signals go past ky, which derives one for every call: a derived one leaves something behind on a long-lived signal
  // (Node 22), and loses its abort to a garbage collection while the body is read.
  const { signal: own, ...defaults } = parts.defaults;
  const bare = ky.create(off).extend(defaults);
  const noting = ky.create({ ...off, hooks: { beforeRequest: [noteOrigin] } }).extend(defaults);

  const through =
    (send: (url: Input, options: KyOptions) => ResponsePromise<never>): Call =>
    (url, options = {}) => {
      const [{ fetch, ...ours }, { signal: _, ...kys }] = split(options, names);
      const call = inOurWords(lay(overrides, ours));
      const to = fetch === undefined ? pipeline : pipeline.extend({ fetch: fetch as Fetch });
      const callers = signalsOf(own, options, url);
      const hooks = [defaults.hooks, content(kys.hooks)].filter((hooks) => hooks !== undefined);

      const transmit: Fetch = (request, init) => {
        // Only a hook can have put a signal of its own on the request; otherwise it is one that ky never aborts.
        const all = hooks.length === 0 ? callers : [...callers, retainSignal(request as Request)];
        const run = (signal: AbortSignal | null): Promise<Response> => to(request, { ...init, ...call, signal });
        return all.length > 1 ? withCallerSignals(all, run) : run(all[0] ?? null);
      };
      // Hooks are to see the signal, and a forced retry is not to outwait it.
      const seen = hooks.length > 0 && callers.length > 0 && { signal: AbortSignal.any(callers) };
      const forced = hooks.some(({ afterResponse }) => afterResponse?.length) && forcedRetries(call['retry']);
      return send(url, { ...kys, ...seen, ...forced, fetch: transmit });
    };

  const extend = (extension: Parameters<Kyoa['extend']>[0]): Kyoa => {
    const parent = { ...parts.defaults, ...(transport && { fetch: transport }) };
    return assemble(extended(parts, typeof extension === 'function' ? extension(parent) : extension));
  };

  const fetch: KyoaFetch = asKyoaFetch(
    (input, init = {}) => {
      const [ours, platforms] = split(init, names);
      return pipeline(input, { ...(platforms as RequestInit), ...inOurWords(lay(overrides, ours)) });
    },
    (extension) => extend(extension).fetch,
  );

  return Object.assign(through(noting), {
    get: through(bare.get),
    head: through(bare.head),
    post: through(noting.post),
    put: through(noting.put),
    patch: through(noting.patch),
    delete: through(noting.delete),
    query: through(noting.query),
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
    overrides: lay(parts.overrides, ours),
    defaults: merged(parts.defaults, kys),
  };
}

/** A Request shows a stream whatever it was made of; noted while ky still knows, the body can be sent again. */
const noteOrigin: BeforeRequestHook = ({ request, options: { body } }) => {
  if (body) setBodySource(request, body);
};

/** Of the instance, of the call, of its Request, by ky's rules. */
function signalsOf(own: AbortSignal | null | undefined, options: Options, url: Input): AbortSignal[] {
  const { signal } = options;
  const given = content(signal) ?? (url instanceof Request ? retainSignal(url) : undefined);
  const isReplaced = 'signal' in options && (signal === undefined || isReplacement(signal));
  return [isReplaced ? undefined : own, given].filter((signal) => signal instanceof AbortSignal);
}

/** `ky.retry()` in an `afterResponse` hook needs a limit within ky; no method makes ky retry anything else. */
function forcedRetries(retry: unknown): Pick<KyOptions, 'retry'> {
  const retries = retry === false ? 0 : isObject(retry) ? retry['retries'] : undefined;
  return { retry: { limit: Math.min(Number(retries ?? 2), Number.MAX_SAFE_INTEGER), methods: [] } }; // 2 is ky's own
}

/** Members that ky must not see: it would act on them, or merge what is not a plain object. */
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

/** An object is laid over an object, anything else replaces; `undefined` is nothing. */
function lay(defaults: Overrides, given: Overrides): Overrides {
  const laid: Record<string, unknown> = { ...defaults };
  for (const [name, member] of Object.entries(given)) {
    if (member === undefined) continue;
    const value = spelledOut(name, content(member));
    const below = isReplacement(member) ? undefined : laid[name];
    laid[name] = isObject(value) && isObject(below) ? { ...below, ...value } : value;
  }
  return laid;
}

/** A number as the object that it stands for, so that both can be laid over each other; `limit` is ky's `retries`. */
function spelledOut(name: string, value: unknown): unknown {
  if (name === 'timeout' && typeof value === 'number') return { total: value };
  if (name === 'retry' && typeof value === 'number') return { retries: value };
  if (name !== 'retry' || !isObject(value) || !('limit' in value)) return value;
  const { limit, ...others } = value;
  return { ...others, retries: limit };
}

/** With a limit for the whole call beside it, ky's `timeout` is the one of an attempt. */
function inOurWords({ totalTimeout: total, ...overrides }: Overrides): Overrides {
  if (total === undefined) return overrides;
  const timeout = overrides['timeout'] === false ? { total: false, idle: false } : overrides['timeout'];
  const { total: headers, ...limits } = isObject(timeout) ? timeout : {};
  return { ...overrides, timeout: { ...(headers !== undefined && { headers }), ...limits, total } };
}

/** ky's own merging, which it offers only by way of instances. */
function merged(defaults: KyOptions, extension: KyOptions): KyOptions {
  let result = defaults;
  ky.create(defaults)
    .extend(extension)
    .extend((all) => (result = all));
  return result;
}

/** ky keeps the mark of `replaceOption` to itself. */
const [replacement] = Object.getOwnPropertySymbols(replaceOption({})) as [symbol];

function isReplacement(value: unknown): boolean {
  return isObject(value) && replacement in value;
}

/** What `replaceOption` was given, or the value as it is. */
function content<T>(value: T): T {
  return isReplacement(value) ? (value as { value: T }).value : value;
}

/** A plain one: what has a class is kept as it is. */
function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

/** ky, made resilient: replace `import ky from 'ky'`. */
const kyoa: Kyoa = create();
export default kyoa;
