/** The options of the client: which of them are kyoa's, how they are merged, and what ky's names mean to the policies. */
import ky, { replaceOption, type Options as KyOptions } from 'ky';
import { privateState } from '../core/engine/private-state.ts';
import { KyoaError } from '../core/errors.ts';
import { defined } from '../core/options.ts';
import { namesOf } from '../fetch.ts';
import type { Stack } from '../stack.ts';
import { refuseRenamed } from './renamed-options.ts';

/** Options of policies, by name. */
export type Overrides = Readonly<Record<string, unknown>>;

/** The members that ky must not merge: it would act on them, or take objects apart that are not plain. */
export function ourNames(use: Stack): ReadonlySet<string> {
  return new Set([...namesOf(use), 'totalTimeout', 'fetch', 'use', 'storage']);
}

/** Refuses what is no object, as ky does. It may be data, which axios takes there. */
export function checked<T>(options: T): T {
  if (typeof options === 'object' && options !== null && !Array.isArray(options)) return options;
  throw new TypeError('The `options` argument must be an object: write json');
}

/** The options that a caller or an init hook has written. */
export function splitChecked(options: object, names: ReadonlySet<string>): ReturnType<typeof split> {
  refuseRenamed(checked(options), names);
  return split(options, names);
}

export function split(
  options: object,
  names: ReadonlySet<string>,
): [ours: Record<string, unknown>, others: Record<string, unknown>] {
  const ours: Record<string, unknown> = {};
  const others: Record<string, unknown> = {};
  for (const name of Object.keys(options)) (names.has(name) ? ours : others)[name] = options[name as never];
  return [ours, others];
}

/** An object is merged over an object, any other value replaces; `undefined` changes nothing. The result shares no object with the arguments. */
export function merge(defaults: Overrides, given: Overrides): Overrides {
  const merged: Record<string, unknown> = {};
  for (const [name, member] of [...Object.entries(defaults), ...Object.entries(given)]) {
    if (member === undefined) continue;
    const value = content(member);
    const below = isReplacement(member) ? undefined : merged[name];
    const [under, over] = isObject(below) || isObject(value) ? [expanded(name, below), expanded(name, value)] : [];
    if (isObject(under) && isObject(over)) merged[name] = { ...under, ...defined(over) };
    else merged[name] = isObject(value) ? { ...value } : value;
  }
  return merged;
}

/** A number as the object that it is short for, and ky's options of `retry` under the names of kyoa. */
function expanded(name: string, value: unknown): unknown {
  if (name === 'timeout' && typeof value === 'number') return { total: value };
  if (name !== 'retry') return value;
  if (typeof value === 'number') return { retries: value };
  return isObject(value) ? fromKysRetry(value) : value;
}

function fromKysRetry(retry: KysRetry): unknown {
  const origin = typeof retry.shouldRetry === 'function' ? origins.get(retry.shouldRetry) : undefined;
  if (origin !== undefined) {
    if (retry.limit === origin.limit) return origin.retry;
    return { ...(expanded('retry', origin.retry) as object | undefined), retries: retry.limit };
  }
  refuseRenamed(retry);
  if (!('limit' in retry)) return retry;
  const { limit, ...others } = retry;
  return { ...others, retries: limit };
}

/** What the policies receive. Beside `totalTimeout`, ky's `timeout` limits an attempt. */
export function toOverrides({ totalTimeout: total, ...options }: Overrides): Overrides {
  const overrides = 'retry' in options ? { ...options, retry: expanded('retry', options['retry']) } : options;
  if (total === undefined) return overrides;
  const timeout =
    overrides['timeout'] === false ? { total: false, idle: false } : expanded('timeout', overrides['timeout']);
  const { total: headers, ...limits } = isObject(timeout) ? timeout : {};
  return { ...overrides, timeout: { ...(headers !== undefined && { headers }), ...limits, total } };
}

type KysRetry = Readonly<Record<string, unknown>> & { readonly limit?: number; readonly shouldRetry?: unknown };

/** ky's own retries, which never run: the pipeline retries. But `ky.retry()` in a hook needs a limit, and hooks see it as `options.retry`. */
export function kysRetry(retry: unknown): { limit: number; shouldRetry: () => false } {
  const limit = forcedRetries(retry);
  const shouldRetry = (): false => false;
  origins.set(shouldRetry, { retry, limit });
  return { limit, shouldRetry };
}

/** By this function an option `retry` of ky that comes back from a hook, in `kyoa(request, options)`, is known. */
const origins = privateState<{ readonly retry: unknown; readonly limit: number }>();

function forcedRetries(retry: unknown): number {
  const own = expanded('retry', retry);
  const retries = own === false ? 0 : isObject(own) ? own['retries'] : undefined;
  if (retries === Infinity) return Number.MAX_SAFE_INTEGER;
  return Number.isInteger(retries) && (retries as number) >= 0 ? (retries as number) : 2; // 2 is ky's own
}

/** Merges as ky does. ky exposes its merging only through instances. */
export function merged(defaults: KyOptions, extension: KyOptions): KyOptions {
  let result = defaults;
  ky.create(defaults)
    .extend(extension)
    .extend((all) => (result = all));
  return result;
}

/** The symbol by which `replaceOption` marks a value; ky does not export it. */
const [replacement] = Object.getOwnPropertySymbols(replaceOption({})) as [symbol];

export function isReplacement(value: unknown): boolean {
  return isObject(value) && replacement in value;
}

/** The value that `replaceOption` received, or the value itself. */
export function content<T>(value: T): T {
  return isReplacement(value) ? (value as { value: T }).value : value;
}

/** A body that is a plain object is most often meant as JSON: fetch sends it as the text `[object Object]`. */
export function refuseObject(body: unknown): void {
  if (!isObject(body) || Symbol.asyncIterator in body || body['toString'] !== Object.prototype.toString) return;
  throw new KyoaError('INVALID_OPTION', 'body is a plain object, which fetch does not send as JSON: write json');
}

/** Whether it is a plain object. An instance of a class is not merged. */
function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}
