/** What a middleware sees of a call. A context is never assigned to: a branch of the call gets a fork of it. */
import type { BodyInit } from './engine/fetch-types.ts';
import { childOf, LazyAbortController, SignalSource, type AbortSource } from './engine/lazy-abort.ts';
import { runHarmless } from './engine/user-function.ts';
import { GivenRequest, type RequestLike } from './engine/lazy-request.ts';
import { uuid } from './engine/uuid.ts';
import type { CustomFact, Fact, KyoaEvent, Listener } from './events.ts';
import { invalid, number } from './options.ts';
import type { Storage } from './storage.ts';

/**
 * What a middleware sees of a call: its request, its signal, its deadline, its overrides. A context is never assigned
 * to: `next()` forks it. Reading any member creates nothing, except `request`, `signal` and `id`, which are created
 * when they are first read.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/writing-a-middleware.md
 */
export interface Context {
  /** The method of the request, as fetch writes it: `'GET'`. */
  readonly method: string;
  /** The absolute URL of the request. */
  readonly url: string;
  /** The value of a request header, or `null`. */
  header(name: string): string | null;
  /** All request headers, to be read: a middleware changes them by `next({ headers })`. */
  readonly headers: Headers;
  /** The request body as the caller passed it to fetch, or `null`. `undefined` if it is known only as the stream of `request`. */
  readonly body: BodyInit | null | undefined;
  /** The other members of the caller's init: those of fetch that do not have their defaults, and those that only the transport knows. */
  readonly init: Readonly<Record<string, unknown>>;
  /** The request as a Request. It shows the body as a stream. */
  readonly request: Request;

  /** Whether this branch of the call has been aborted. */
  readonly aborted: boolean;
  /** Why: the caller's own `signal.reason`, or the error of the policy that aborted the branch. */
  readonly reason: unknown;
  /** Aborts with this branch of the call and everything inside it. It lives no longer than the call. */
  readonly signal: AbortSignal;
  /** Calls `listener` once, when this branch aborts, or now if it has aborted. The listener stays until the call has ended. */
  onAbort(listener: (reason: unknown) => void): void;
  /** A controller that aborts when this branch aborts. Aborting it does not affect this branch. */
  child(): AbortController;
  /** When the earliest limit outside this middleware expires, ms on the clock of `performance.now()`. */
  readonly deadline: number | undefined;

  /** 1 for the first attempt. */
  readonly attempt: number;
  /** The caller's `requestId`, or a new UUID; the same for every attempt. */
  readonly id: string;
  /** Per-call overrides: a policy named `x` reads `options.x`. */
  readonly options: Readonly<Record<string, unknown>>;
  /** Where policies keep state that outlives a call: the `storage` of the entry point. */
  readonly storage: Storage;
  /** Passes work that goes on after the response to the `background` of the call, so that the platform waits for it. */
  background(work: Promise<unknown>): void;
  /** `'server'` inside a handler, `'client'` elsewhere. */
  readonly side: 'client' | 'server';
  /** The user's own data, shared by all forks of the call. */
  readonly state: Record<string, unknown>;
  /** The stack that the call runs through, outermost first. */
  readonly stack: readonly Middleware[];
  /** The listeners that receive what is emitted here. */
  readonly observers: readonly Listener[];
  /** Passes an event to the observers outside this middleware. It costs next to nothing when there are none. */
  emit(fact: Fact | CustomFact): void;
}

/**
 * What a middleware changes for the middleware inside it. A member that is absent or undefined stays as it was.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/writing-a-middleware.md#2-a-header-for-the-inner-middleware
 */
export interface Fork {
  /** An absolute URL. */
  readonly url?: string | undefined;
  /** Merged over the present headers; `undefined` removes one. The body can still be sent again. */
  readonly headers?: Readonly<Record<string, string | undefined>> | undefined;
  readonly body?: BodyInit | null | undefined;
  /** Merged over the other members of the init of fetch. */
  readonly init?: RequestInit | undefined;
  /** Replaces the request. The members above are changes of this one. */
  readonly request?: Request | undefined;
  /** Of a controller the signal is created only when inner code reads it: pass `ctx.child()` itself. */
  readonly signal?: AbortSignal | AbortController | undefined;
  /** ms on the clock of `performance.now()`. A function for a deadline that may still change, as that of a shared request. */
  readonly deadline?: Deadline;
  readonly attempt?: number | undefined;
  readonly observers?: readonly Listener[] | undefined;
}

/**
 * The type of the option `background`: a function that takes a promise. Receives work that goes on after the response,
 * and keeps the program alive for it. It must not reject.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/runtimes.md
 */
export type Background = (work: Promise<unknown>) => void;

type Deadline = number | undefined | (() => number | undefined);

/**
 * The second parameter of a middleware. Runs the inner middleware and the transport. It may be called more than once,
 * and concurrently.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/writing-a-middleware.md#4-calling-next-again
 */
export type Next = (fork?: Fork) => Promise<Response>;
/**
 * A function around the rest of the stack. Its result is its return value: what `next()` resolves to, or another
 * Response.
 *
 * @example
 * ```ts
 * const tenant: Middleware = async function tenant(ctx, next) {
 *   return next({ headers: { 'x-tenant': String(ctx.options['tenant']) } });
 * };
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/writing-a-middleware.md
 */
export type Middleware = (ctx: Context, next: Next) => Promise<Response>;
/**
 * A stack as one function, as `compose()` returns it: a context in, the response out.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/onion.md
 */
export type Handler = (ctx: Context) => Promise<Response>;

/** What all forks of a call have in common. `transport` are the members of the caller's init that only the transport knows. */
export interface CallState extends Pick<Context, 'options' | 'storage' | 'side' | 'stack'> {
  readonly transport: Readonly<Record<string, unknown>>;
  /** The caller's own, which may live longer than the call. */
  readonly signal?: AbortSignal | undefined;
  background?: Background | undefined;
  /** ms on the clock of `performance.now()`. */
  readonly started: number;
  /** How many requests the transport has received. */
  sent: number;
  /** Created when it is first read, as `state`: most calls never need one. */
  id?: string | undefined;
  state?: Record<string, unknown> | undefined;
}

export function createContext(call: CallState, request: RequestLike, abort: AbortSource): Context {
  const { requestId, background, deadline } = call.options;
  if (requestId !== undefined) call.id = checkedId(requestId);
  if (background !== undefined) call.background = checkedBackground(background as Background);
  const limit = deadline === undefined || typeof deadline === 'boolean' ? undefined : number('deadline', deadline);
  return new CallContext(call, request, abort, limit, 1, noListeners);
}

/** What the transport needs of a context. */
export function attemptOf(ctx: Context): Attempt {
  return ctx as CallContext;
}

export interface Attempt {
  readonly requestLike: RequestLike;
  readonly abortSource: AbortSource;
  readonly call: CallState;
}

export function fork(ctx: Context, changes: Fork): Context {
  const { call, requestLike, abortSource, limit, attempt, observers } = ctx as CallContext;
  const { url, headers, body, init, signal } = changes;
  const request = changes.request === undefined ? requestLike : new GivenRequest(changes.request);
  return new CallContext(
    call,
    url === undefined && headers === undefined && body === undefined && init === undefined
      ? request
      : request.derive(changes),
    signal == null ? abortSource : signal instanceof LazyAbortController ? signal : signalSource(signal),
    changes.deadline ?? limit,
    changes.attempt ?? attempt,
    changes.observers ?? observers,
  );
}

function signalSource(signal: AbortSignal | AbortController): AbortSource {
  return new SignalSource('signal' in signal ? signal.signal : signal);
}

const noListeners: readonly Listener[] = [];

/** A class with getters on its prototype: one fork is created for every middleware that changes something. */
class CallContext implements Context {
  readonly call: CallState;
  readonly method: string;
  readonly url: string;
  readonly options: Readonly<Record<string, unknown>>;
  readonly storage: Storage;
  readonly side: 'client' | 'server';
  readonly stack: readonly Middleware[];
  readonly requestLike: RequestLike;
  readonly abortSource: AbortSource;
  readonly limit: Deadline;
  readonly attempt: number;
  readonly observers: readonly Listener[];

  constructor(
    call: CallState,
    requestLike: RequestLike,
    abortSource: AbortSource,
    limit: Deadline,
    attempt: number,
    observers: readonly Listener[],
  ) {
    this.call = call;
    this.method = requestLike.method;
    this.url = requestLike.url;
    this.options = call.options;
    this.storage = call.storage;
    this.side = call.side;
    this.stack = call.stack;
    this.requestLike = requestLike;
    this.abortSource = abortSource;
    this.limit = limit;
    this.attempt = attempt;
    this.observers = observers;
  }

  header(name: string): string | null {
    return this.requestLike.header(name);
  }
  get headers(): Headers {
    return this.requestLike.headers;
  }
  get body(): BodyInit | null | undefined {
    return this.requestLike.body;
  }
  get init(): Readonly<Record<string, unknown>> {
    return { ...this.requestLike.members, ...this.call.transport };
  }
  get request(): Request {
    return this.requestLike.request;
  }
  get aborted(): boolean {
    return this.abortSource.aborted;
  }
  get reason(): unknown {
    return this.abortSource.reason;
  }
  get signal(): AbortSignal {
    return this.abortSource.signal;
  }
  onAbort(listener: (reason: unknown) => void): void {
    this.abortSource.onAbort(listener);
  }
  child(): AbortController {
    return childOf(this.abortSource);
  }
  get deadline(): number | undefined {
    return typeof this.limit === 'function' ? this.limit() : this.limit;
  }
  get id(): string {
    return (this.call.id ??= uuid());
  }
  background(work: Promise<unknown>): void {
    const { background } = this.call;
    if (background !== undefined) runHarmless('background', background, work);
  }
  get state(): Record<string, unknown> {
    return (this.call.state ??= {});
  }

  emit(fact: Fact | CustomFact): void {
    if (this.observers.length === 0) return;
    const event = { ...fact, id: this.id, time: Date.now() } as KyoaEvent;
    for (const listener of this.observers) notify(listener, event);
  }
}

/** `owner` is what the user has configured, where the listener itself is made for one call. */
export function notify(listener: Listener, event: KyoaEvent, owner?: object): void {
  runHarmless('a listener', listener, event, owner);
}

export function checkedBackground(given: Background): Background {
  if (typeof given === 'function') return given;
  throw invalid('background', given, 'a function like (work) => ctx.waitUntil(work)');
}

function checkedId(given: unknown): string {
  if (typeof given === 'string' && given !== '') return given;
  throw invalid('requestId', given, 'a string that is not empty');
}
