/** One call of the client: ky, whose fetch is the pipeline, and whose own limits and retries never run. */
import { replaceOption, type Hooks, type Input, type Options, type ResponsePromise, type StandardSchemaV1 } from 'ky';
import { snapshot } from '../core/engine/request-body.ts';
import type { Context } from '../core/context.ts';
import type { Storage } from '../core/storage.ts';
import { clientPipeline } from '../fetch.ts';
import { isLive, type LiveStack, type Pipeline, type Stack } from '../stack.ts';
import { retainSignal, withCallerSignals } from '../lib/caller-signal.ts';
import { refuseUnused } from '../request-init.ts';
import type { Fetch } from '../transport.ts';
import { explainJson, explainUrl } from './explained-errors.ts';
import { beforeError, CallHooks, checkHooks, hasHooks, mergedHooks, refuseBeforeRetry } from './hooks.ts';
import { refuseData } from './misplaced-data.ts';
import {
  content,
  isReplacement,
  kysRetry,
  merge,
  refuseObject,
  split,
  splitChecked,
  toOverrides,
  type Overrides,
} from './options.ts';
import { asWritten, noteBody, withRequest } from './request.ts';
import { TotalLimit } from './total-limit.ts';
import { withUploadProgress } from './upload-progress.ts';

/** What the calls of an instance have in common. */
export interface Instance {
  readonly use: Stack;
  readonly storage: Storage;
  readonly pipeline: Pipeline;
  readonly transport: Fetch | undefined;
  /** The members of options that are kyoa's. */
  readonly names: ReadonlySet<string>;
  readonly overrides: Overrides;
  readonly signal: AbortSignal | null | undefined;
  readonly hooks: Hooks | undefined;
}

/** ky, or one of its methods. */
type Send = (url: Input, options: Options) => ResponsePromise;

/** The methods whose requests have a body. */
export type BodyMethod = 'post' | 'put' | 'patch';

/**
 * kyoa's options pass the init hooks of the caller, as ky's do. The last init hook is kyoa's: it takes over what they have
 * set. Signals do not pass through ky, which derives one for every call. In Node 22 a derived signal leaves memory on a
 * long-lived signal, and it loses its abort to a garbage collection while the body is read.
 */
export function sendThrough(
  instance: Instance,
  send: Send,
  url: Input,
  options: object,
  method?: BodyMethod,
): ResponsePromise {
  const [ours, { signal: _, hooks: __, ...kys }] = splitChecked(options, instance.names);
  refuseUnused(ours, instance.use);
  checkHooks(options);
  const hooks = mergedHooks(instance.hooks, options);
  refuseBeforeRetry(hooks);
  const transport = ours['fetch'] ?? instance.transport;
  // What reads further options: a transport of the caller's own, and an init hook.
  if (method !== undefined && transport === undefined && !hooks.init?.length && !(url instanceof Request))
    refuseData(method, kys);
  const callers = signalsOf(instance.signal, options, url);
  // Hooks receive the signal, and a forced retry stops waiting when it aborts.
  const signal = callers.length > 0 && hasHooks(hooks) ? { signal: AbortSignal.any(callers) } : undefined;
  let call!: Call;
  let resolved: Options = {};
  const last = (given: Options): void => {
    resolved = given;
    const isUnchanged = given.signal === signal?.signal;
    call = takeOver(instance, given, isUnchanged ? callers : signalsOf(undefined, given, url));
  };

  const all = {
    ...kys,
    ...merge(instance.overrides, ours),
    ...signal,
    hooks: replaceOption({ ...hooks, init: [...(hooks.init ?? []), last] }),
  };
  let result: ResponsePromise;
  try {
    result = send(url, all);
  } catch (error) {
    throw explainUrl(error, url, resolved);
  }
  const { json } = result;
  const limitedJson = (schema?: StandardSchemaV1): Promise<unknown> =>
    json(limitedSchema(schema, call.limit)!).catch((error) => explainJson(error, url, result, call.hasParser));
  result.json = limitedJson;
  call.hooks.passErrorsOf(result);
  return result;
}

interface Call {
  readonly hooks: CallHooks;
  readonly limit: TotalLimit;
  /** Whether a function of the caller parses the JSON. */
  readonly hasParser: boolean;
}

/** Replaces kyoa's options by those that switch ky's own limits and retries off, and ky's fetch by the pipeline. */
function takeOver(instance: Instance, given: Options, callers: readonly AbortSignal[]): Call {
  const { use, storage, names, pipeline } = instance;
  const [own] = splitChecked(given, names);
  const { fetch } = own;
  const overrides = toOverrides(own); // with `fetch`: a transport of the call's own may stand for an identity
  const transport = ownTransport(given, (fetch as Fetch | undefined) ?? instance.transport, fetch !== undefined);
  const to = transport === undefined ? pipeline : clientPipeline({ use, storage, fetch: transport });
  const limit = new TotalLimit({ stack: isLive(use) ? use.current : use, options: overrides });
  const hooks = new CallHooks(given.hooks ?? {}, limit);

  const transmit = (request: Request, init: object): Promise<Response> => {
    const written = asWritten(request);
    const members = split(init, names)[1];
    const options = hooks.isEmpty ? overrides : toOverrides({ ...overrides, retry: hooks.retry });
    const begin = (): void => limit.restart(isLive(use) ? settingsNow(use, request, options) : { stack: use, options });
    if (isLive(use) && use.pending !== undefined) void use.pending.then(begin);
    else begin();
    // Without hooks, the request's signal is one that ky never aborts. A hook may have set another one.
    const all = hooks.isEmpty ? callers : [...callers, retainSignal(request)];
    const run = (signal: AbortSignal | undefined): Promise<Response> =>
      to(written, signal, { options, transport: members });
    return all.length > 1 ? withCallerSignals(all, run) : run(all[0]);
  };

  const { body, json, parseJson } = given;
  refuseObject(body);
  if (body != null) given.body = snapshot(body); // what the caller changes later is not sent
  if (parseJson) given.parseJson = (text, context) => limit.run(() => parseJson(text, context), context.request);
  if (!hooks.isEmpty) given.hooks = hooks.limited();
  else given.hooks = body != null || json !== undefined ? { beforeRequest: [noteBody], beforeError } : { beforeError };
  given.retry = hooks.isEmpty ? 0 : kysRetry(overrides['retry']);
  given.timeout = false;
  given.totalTimeout = false;
  given.fetch = transmit as Fetch;
  return { hooks, limit, hasParser: parseJson !== undefined };
}

/** The transport of a call that has one of its own, or that reports its progress in place of ky. */
function ownTransport(given: Options, fetch: Fetch | undefined, isOwn: boolean): Fetch | undefined {
  const { onUploadProgress: report } = given;
  const transport = fetch && withRequest(fetch);
  if (typeof report !== 'function') return isOwn ? transport : undefined; // ky refuses what is no function
  delete given.onUploadProgress;
  return withUploadProgress(transport, report);
}

/** The stack and the options of a call that begins now. */
function settingsNow(use: LiveStack, { method, url }: Request, options: Overrides): Pick<Context, 'stack' | 'options'> {
  return { stack: use.current, options: use.optionsFor(method, url, options) };
}

/** The signals of the instance, of the call and of its Request, by ky's rules. */
function signalsOf(own: AbortSignal | null | undefined, options: { signal?: unknown }, url: Input): AbortSignal[] {
  const { signal } = options;
  const given = content(signal) ?? (url instanceof Request ? retainSignal(url) : undefined);
  const isReplaced = 'signal' in options && (signal === undefined || isReplacement(signal));
  return [isReplaced ? undefined : own, given].filter((signal) => signal instanceof AbortSignal);
}

/** The same schema, whose `validate` must end within the `total` of the call. ky refuses what is no schema. */
function limitedSchema(schema: StandardSchemaV1 | undefined, limit: TotalLimit): StandardSchemaV1 | undefined {
  const standard = schema?.['~standard'];
  if (typeof standard?.validate !== 'function') return schema;
  return { '~standard': { ...standard, validate: (value) => limit.run(() => standard.validate(value)) } };
}
