/** The hooks of a call: the `total` of the call limits them, and the `retry` that they change reaches the policy. */
import {
  isHTTPError,
  isKyError,
  isNetworkError,
  type BeforeErrorHook,
  type BeforeErrorState,
  type Hooks,
  type Options,
  type ResponsePromise,
} from 'ky';
import { KyoaError, TimeoutError } from '../core/errors.ts';
import { array, knownKeys } from '../core/options.ts';
import { copyAttempts } from '../lib/attempt-notes.ts';
import { content, merged } from './options.ts';
import { noteBody } from './request.ts';
import type { TotalLimit } from './total-limit.ts';

/**
 * A log of ky's error must not contain the headers of the request and of the response: the members are there, but not
 * shown. The error says what the call has tried.
 */
const describeError: BeforeErrorHook = ({ error }) => {
  if (isHTTPError(error) || isNetworkError(error))
    copyAttempts(isHTTPError(error) ? error.response : error.cause, error);
  if (isKyError(error)) {
    for (const member of ['request', 'response', 'options']) {
      // The error of a hook may be frozen.
      if (Object.hasOwn(error, member)) Reflect.defineProperty(error, member, { enumerable: false });
    }
  }
  return error;
};

/** The hooks of a call without hooks of its own. */
export const beforeError: BeforeErrorHook[] = [describeError];

/** What every hook receives. */
type State = Omit<BeforeErrorState, 'error'>;

export class CallHooks {
  readonly isEmpty: boolean;
  readonly #hooks: Required<Omit<Hooks, 'init'>>;
  readonly #limit: TotalLimit;
  /** What the latest hook has received. */
  #state!: State;
  /** `options.retry`, as the hooks have left it. */
  #retry: State['options']['retry'] | undefined;

  constructor(
    { beforeRequest = [], beforeRetry = [], afterResponse = [], beforeError = [] }: Hooks,
    limit: TotalLimit,
  ) {
    this.#hooks = { beforeRequest, beforeRetry, afterResponse, beforeError };
    this.#limit = limit;
    this.isEmpty = !hasHooks(this.#hooks);
  }

  /** The hooks for ky, in place of the caller's. A hook of `beforeError` has no limit, as in ky. */
  limited(): Hooks {
    const { beforeRequest, beforeRetry, afterResponse, beforeError } = this.#hooks;
    const limited =
      <S extends State, T>(hook: (state: S) => T | Promise<T>) =>
      (state: S): Promise<T> => {
        this.#state = state;
        return this.#limit.run(() => hook(state), state.request);
      };
    const note = (state: State): void => {
      this.#state = state;
      noteBody(state);
    };
    // With a limit above 0, ky keeps a copy of the body. Only `ky.retry()` in `afterResponse` needs both.
    const hideLimit = ({ options: { retry } }: State): void => {
      this.#retry = { ...retry };
      retry.limit = 0;
    };
    return {
      beforeRequest: [note, ...beforeRequest.map(limited), ...(afterResponse.length > 0 ? [] : [hideLimit])],
      beforeRetry: beforeRetry.map(limited),
      afterResponse: afterResponse.map(limited),
      beforeError: [describeError, ...beforeError],
    };
  }

  /** Called when ky sends the request: `options.retry`, which a hook may have changed. */
  get retry(): unknown {
    return Object.assign(this.#state.options.retry, this.#retry);
  }

  /** As in ky, a limit that expires while a shortcut such as `text()` reads the body is an error for `beforeError`, too. */
  passErrorsOf(result: ResponsePromise): void {
    const { beforeError } = this.#hooks;
    if (beforeError.length === 0) return;
    const pass = async (error: unknown): Promise<never> => {
      if (!(error instanceof TimeoutError)) throw error;
      let latest: Error = error;
      for (const hook of beforeError) latest = (await hook({ ...this.#state, error: latest })) ?? latest;
      throw latest;
    };
    for (const name of ['json', 'text', 'arrayBuffer', 'blob', 'bytes', 'formData'] as const) {
      const read = result[name] as ((schema?: unknown) => Promise<unknown>) | undefined;
      if (read === undefined) continue; // `bytes` is missing on older platforms
      result[name] = async (schema?: unknown): Promise<never> => {
        const body = read(schema);
        await result.catch(() => body); // an error of the response has been passed already
        return body.catch(pass) as Promise<never>;
      };
    }
  }
}

/** The hooks of the instance and of the call, by ky's rules. */
export function mergedHooks(own: Hooks | undefined, options: object): Hooks {
  if (!('hooks' in options)) return own ?? {};
  return merged({ hooks: own } as Options, { hooks: options.hooks } as Options).hooks ?? {};
}

const names = ['init', 'beforeRequest', 'beforeRetry', 'afterResponse', 'beforeError'];

/** ky would leave out what is no list, and a name that it does not know. @throws {KyoaError} `INVALID_OPTION` */
export function checkHooks({ hooks }: { readonly hooks?: unknown }): void {
  const given = content(hooks);
  if (given === undefined) return;
  for (const [name, list] of Object.entries(knownKeys('hooks', given as object, names)))
    if (list !== undefined) array(`hooks.${name}`, content(list));
}

/** By the first hook of a list, so that a client does not repeat its warning. */
const warned = new WeakSet<object>();

/** Retries happen inside the hooks: ky's `beforeRetry` would never run, or only before a retry that `ky.retry()` forces. */
export function refuseBeforeRetry({ beforeRetry, afterResponse }: Hooks): void {
  const hook = beforeRetry?.[0];
  if (hook === undefined || warned.has(hook)) return;
  const advice = "write observe((event) => ...) for 'retry.scheduled', retry: { when }, or a middleware inside retry()";
  if (!afterResponse?.length)
    throw new KyoaError('INVALID_OPTION', `hooks.beforeRetry is not called before a retry of kyoa: ${advice}`);
  warned.add(hook);
  console.warn(`kyoa: hooks.beforeRetry is called only before a retry that ky.retry() forces: ${advice}`);
}

export function hasHooks(hooks: Hooks): boolean {
  return Object.values(hooks).some((list) => list?.length > 0);
}
