/** What a middleware sees of a call. Never assigned to: a branch of a call gets a fork of its parent's context. */
import { toSignal, type AbortSource } from './engine/lazy-abort.ts';
import { invalid } from './options.ts';
import { toRequest, type RequestLike } from './engine/lazy-request.ts';
import type { CustomFact, Fact, KyoaEvent, Listener } from './events.ts';
import type { Storage } from './storage.ts';

export interface Context {
  /** What will be sent. */
  readonly request: Request;
  /** Aborts this branch of the call and everything under it. Lives no longer than the call. */
  readonly signal: AbortSignal;
  /** When the innermost limit above runs out, in ms on the clock of `performance.now()`. */
  readonly deadline: number | undefined;
  /** 1 for the first attempt. */
  readonly attempt: number;
  /** Who hears what is emitted here. */
  readonly observers: readonly Listener[];
  /** The request id: the caller's `requestId`, else a fresh UUID; the same for every attempt. */
  readonly id: string;
  /** Per-call overrides: a policy named `x` reads `options.x`. */
  readonly options: Readonly<Record<string, unknown>>;
  /** Members of the caller's init that are neither fetch's nor a policy's; they go to the transport. */
  readonly init: Readonly<Record<string, unknown>>;
  readonly storage: Storage;
  /** `'server'` inside a handler. */
  readonly side: 'client' | 'server';
  /** The user's own bag, shared by all forks of the call. */
  readonly state: Record<string, unknown>;
  /** The middlewares of the face that made the call, outermost first. */
  readonly stack: readonly Middleware[];
  /** Tells the observers above; costs next to nothing when there are none. */
  emit(fact: Fact | CustomFact): void;
}

/** What a middleware may change for what runs beneath it; a member that is absent or undefined stays as it was. */
export type Fork = {
  readonly [Member in 'request' | 'attempt' | 'observers']?: Context[Member] | undefined;
} & { readonly signal?: AbortSource | undefined; readonly deadline?: Deadline };

/** As a function where it may still change: of a request that several callers share. */
export type Deadline = number | undefined | (() => number | undefined);

/** Runs what is beneath. May be called again, and concurrently. */
export type Next = (fork?: Fork) => Promise<Response>;
export type Middleware = (ctx: Context, next: Next) => Promise<Response>;
export type Handler = (ctx: Context) => Promise<Response>;

/** What all forks of a call have in common, as a face gives it. */
export type CallSettings = Pick<Context, 'options' | 'init' | 'storage' | 'side' | 'stack'>;

export function createContext(call: CallSettings, asked: RequestLike, source: AbortSource): Context {
  return new CallContext(new CallState(call), asked, source, undefined, 1, nobody);
}

/** What `ctx.request` stands for, without making it. */
export function askedOf(ctx: Context): RequestLike {
  return (ctx as CallContext).asked ?? ctx.request; // somebody may have a context of their own making
}

/** What `ctx.signal` stands for, without making it. */
export function sourceOf(ctx: Context): AbortSource {
  return (ctx as CallContext).source ?? ctx.signal;
}

export function fork(ctx: Context, changes: Fork): Context {
  const { call } = ctx as CallContext;
  return new CallContext(
    call,
    changes.request ?? askedOf(ctx),
    changes.signal ?? sourceOf(ctx),
    changes.deadline ?? (ctx as CallContext).limit,
    changes.attempt ?? ctx.attempt,
    changes.observers ?? ctx.observers,
  );
}

const nobody: readonly Listener[] = [];

class CallState {
  readonly given: CallSettings;
  readonly state: Record<string, unknown> = {};
  #id: string | undefined;

  constructor(given: CallSettings) {
    this.given = given;
    this.#id = requestId(given.options['requestId']);
  }

  /** A fresh one is made when first asked for: most calls are never asked. */
  get id(): string {
    return (this.#id ??= uuid());
  }
}

/** A class, because a fork is made for every attempt of every call, and getters on a prototype cost it nothing. */
class CallContext implements Context {
  readonly call: CallState;
  readonly asked: RequestLike;
  readonly source: AbortSource;
  readonly limit: Deadline;
  readonly attempt: number;
  readonly observers: readonly Listener[];

  constructor(
    call: CallState,
    asked: RequestLike,
    source: AbortSource,
    limit: Deadline,
    attempt: number,
    observers: readonly Listener[],
  ) {
    this.call = call;
    this.asked = asked;
    this.source = source;
    this.limit = limit;
    this.attempt = attempt;
    this.observers = observers;
  }

  get request(): Request {
    return toRequest(this.asked);
  }
  get signal(): AbortSignal {
    return toSignal(this.source);
  }
  get deadline(): number | undefined {
    return typeof this.limit === 'function' ? this.limit() : this.limit;
  }
  get id(): string {
    return this.call.id;
  }
  get options(): Readonly<Record<string, unknown>> {
    return this.call.given.options;
  }
  get init(): Readonly<Record<string, unknown>> {
    return this.call.given.init;
  }
  get storage(): Storage {
    return this.call.given.storage;
  }
  get side(): 'client' | 'server' {
    return this.call.given.side;
  }
  get state(): Record<string, unknown> {
    return this.call.state;
  }
  get stack(): readonly Middleware[] {
    return this.call.given.stack;
  }

  emit(fact: Fact | CustomFact): void {
    if (this.observers.length === 0) return;
    const event = { ...fact, id: this.id, time: Date.now() } as KyoaEvent;
    for (const listener of this.observers) notify(listener, event);
  }
}

/** A listener that throws, or rejects, breaks nothing; it is reported on the console. */
export function notify(listener: Listener, event: KyoaEvent): void {
  try {
    const returned: unknown = listener(event);
    if (returned instanceof Promise) returned.catch(report);
  } catch (error) {
    report(error);
  }
}

function report(error: unknown): void {
  console.error('kyoa: a listener threw', error);
}

function requestId(given: unknown): string | undefined {
  if (given === undefined || (typeof given === 'string' && given !== '')) return given;
  throw invalid('requestId', given, 'a string that is not empty');
}

/** `crypto.randomUUID` exists in secure contexts only; a page on plain http has `getRandomValues` (RFC 9562, version 4). */
function uuid(): string {
  if (typeof crypto.randomUUID === 'function') return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
