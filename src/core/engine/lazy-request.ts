/** The request of a call as the caller wrote it, and the Request that is created from it when code asks for one. */
import type { BodyInit, RequestInfo } from './fetch-types.ts';
import { defaults } from './init-members.ts';
import { isStream, isTyped, snapshot, sources, withoutType } from './request-body.ts';

/** What a fork may change of a request. */
export interface RequestChanges {
  readonly url?: string | undefined;
  /** Merged over the present headers; `undefined` removes one. */
  readonly headers?: Readonly<Record<string, string | undefined>> | undefined;
  readonly body?: BodyInit | null | undefined;
  /** Merged over the present members. */
  readonly init?: RequestInit | undefined;
}

export interface RequestLike {
  readonly method: string;
  /** Absolute, in the form in which the platform's parser writes it. */
  readonly url: string;
  readonly headers: Headers;
  header(name: string): string | null;
  /** As the caller passed it. `undefined` for the body of a Request, which shows only a stream. */
  readonly body: BodyInit | null | undefined;
  /** The other members of the init: mode, credentials, redirect and so on, unless they have their defaults. */
  readonly members: RequestInit;
  readonly request: Request;
  derive(changes: RequestChanges): RequestLike;
  /** The arguments for a fetch, with `init` merged over the members. */
  fetchArguments(init: RequestInit): [input: RequestInfo, init: RequestInit];
}

/**
 * A request of a URL and an init. Policies and transports read its parts, and the transport gets a URL and an init again.
 * Creating a Request costs as much as a small policy, and several times as much if there is a body.
 */
export class LazyRequest implements RequestLike {
  readonly method: string;
  readonly url: string;
  readonly body: BodyInit | null;
  readonly members: RequestInit;
  #headers: Headers | undefined;
  #request: Request | undefined;
  /** The `content-type` that the platform has derived from the body for the Request. */
  #derivedType: string | null = null;

  constructor(url: string, method: string, headers: Headers | undefined, body: BodyInit | null, members: RequestInit) {
    this.url = url;
    this.method = method;
    this.#headers = headers;
    this.body = body;
    this.members = members;
  }

  /** Those of the Request once it has been created: code that has it may change them. */
  get headers(): Headers {
    return this.#request?.headers ?? this.#headers ?? new Headers();
  }

  header(name: string): string | null {
    if (this.#request === undefined) {
      const value = this.#headers?.get(name) ?? null;
      // The platform derives the type of a body when it creates the Request.
      if (value !== null || !isTyped(this.body) || !isContentType(name)) return value;
    }
    return this.request.headers.get(name);
  }

  get request(): Request {
    if (this.#request === undefined) {
      this.#request = this.#create();
      if (this.#headers?.has('content-type') !== true) this.#derivedType = this.#request.headers.get('content-type');
    }
    return this.#request;
  }

  derive({ url = this.url, headers: changes, body, init }: RequestChanges): LazyRequest {
    const [headers, present] = this.#present();
    const members = init === undefined ? this.members : { ...this.members, ...init };
    // A new form has a new boundary.
    const all = body instanceof FormData ? { 'content-type': undefined, ...changes } : changes;
    const merged = all === undefined ? headers : mergeHeaders(new Headers(headers), all);
    if (body !== undefined) return new LazyRequest(url, this.method, merged, body, withDuplex(members, body));
    const removed =
      changes !== undefined &&
      Object.entries(changes).some(([name, value]) => isContentType(name) && value === undefined);
    return new LazyRequest(url, this.method, merged, removed ? withoutType(present) : present, members);
  }

  fetchArguments(others: RequestInit): [RequestInfo, RequestInit] {
    const [headers, body] = this.#present();
    const init: RequestInit = { ...this.members, ...others };
    if (this.method !== 'GET') init.method = this.method;
    if (headers !== undefined) init.headers = headers;
    if (body !== null) init.body = body;
    return [this.url, init];
  }

  #create(): Request {
    const [, init] = this.fetchArguments({});
    try {
      return new Request(this.url, init);
    } catch (error) {
      if (!isStream(init.body) || !('duplex' in init)) throw error;
      delete init.body; // the stream has been read: what is left is the request without it
      return new Request(this.url, init);
    }
  }

  /** Headers and body as they are now: code that has the Request may have changed its headers, and read or cloned its body. */
  #present(): [Headers | undefined, BodyInit | null] {
    if (this.#request === undefined) return [this.#headers, this.body];
    const headers = new Headers(this.#request.headers);
    const type = headers.get('content-type');
    // The platform derives it again. That of a form has a random boundary.
    if (type === this.#derivedType) headers.delete('content-type');
    if (isStream(this.body)) return [headers, this.#request.body ?? this.body];
    return [headers, type === null ? withoutType(this.body) : this.body];
  }
}

/** A Request of the caller, or of a middleware. It is passed on as it is, unless a fork changes it. */
export class GivenRequest implements RequestLike {
  readonly request: Request;
  readonly method: string;
  readonly url: string;

  constructor(request: Request) {
    this.request = request;
    this.method = request.method;
    this.url = request.url;
  }

  get headers(): Headers {
    return this.request.headers;
  }
  header(name: string): string | null {
    return this.request.headers.get(name);
  }
  get body(): null | undefined {
    return isBodiless(this.method) || this.request.body === null ? null : undefined;
  }
  get members(): RequestInit {
    return membersOf(this.request);
  }

  derive(changes: RequestChanges): RequestLike {
    const { url, headers, body, init } = changes;
    const isForeign = !(this.request instanceof Request); // of a bridge of node:http; the constructor would refuse it
    if (body !== undefined || url !== undefined || isForeign)
      return lazyCopy(this.request, body ?? this.#stream()).derive(changes);
    // It follows no signal: `ctx.signal` aborts the call.
    const request = new Request(this.request, { ...referrerOf(this.request), signal: null, ...init });
    mergeHeaders(request.headers, headers);
    const source = sources.get(this.request);
    if (source !== undefined) sources.set(request, source);
    return new GivenRequest(request);
  }

  fetchArguments(init: RequestInit): [RequestInfo, RequestInit] {
    return [this.request, { ...referrerOf(this.request), ...init }];
  }

  #stream(): ReadableStream | null {
    const { body } = this;
    if (body === null || this.request.body) return this.request.body;
    throw new TypeError('This platform cannot stream the body of a Request: pass a body beside the url to next()');
  }
}

/** The request of the arguments of a fetch; `init` is without a signal. Throws as the constructor of Request does. */
export function requestOf(input: RequestInfo | URL, init: RequestInit): RequestLike {
  if (!(input instanceof Request)) {
    const lazy = lazyRequest(input, init);
    if (lazy !== undefined) return lazy;
  } else if (isEmpty(init)) return new GivenRequest(input);
  const request = new Request(input, init);
  if (init.body != null) return lazyCopy(request, isStream(init.body) ? request.body : snapshot(init.body));
  return input instanceof Request ? new GivenRequest(request) : lazyCopy(request, null);
}

/** The same request with a body whose source is known. */
export function lazyCopy(request: Request, body: BodyInit | null): LazyRequest {
  const headers = new Headers(request.headers);
  if (body instanceof FormData && headers.get('content-type')?.startsWith('multipart/form-data')) {
    headers.delete('content-type'); // a new form has a new boundary
  }
  return new LazyRequest(request.url, request.method, headers, body, withDuplex(membersOf(request), body));
}

/** The platform requires it for a stream. */
function withDuplex(members: RequestInit, body: BodyInit | null): RequestInit {
  return isStream(body) ? Object.assign({ duplex: 'half' }, members) : members;
}

const knownMethods: ReadonlySet<unknown> = new Set([
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'OPTIONS',
  'QUERY',
]);

/** `undefined` for what the constructor of Request refuses, or may refuse. */
function lazyRequest(input: unknown, init: RequestInit): LazyRequest | undefined {
  const url = input instanceof URL ? input : (URL.parse(String(input)) ?? URL.parse(String(input), documentUrl()));
  if (url === null || url.username !== '' || url.password !== '') return undefined;
  const { method = 'GET', headers, body = null, ...members } = init;
  if (!knownMethods.has(method)) return undefined;
  if (headers === null || (body !== null && isBodiless(method))) return undefined;
  for (const name in members) if (isDefault(name, members[name as never])) delete members[name as never];
  const own = headers === undefined ? undefined : new Headers(headers);
  return new LazyRequest(url.href, method, own, body === null ? null : snapshot(body), members);
}

/** Relative URLs are resolved against it in a page and in a worker. */
function documentUrl(): string | undefined {
  return globalThis.document?.baseURI ?? globalThis.location?.href;
}

function isBodiless(method: string): boolean {
  return method === 'GET' || method === 'HEAD';
}

function isEmpty(init: RequestInit): boolean {
  for (const _ in init) return false;
  return true;
}

function mergeHeaders(headers: Headers, changes: RequestChanges['headers'] = {}): Headers {
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined) headers.delete(name);
    else headers.set(name, value);
  }
  return headers;
}

function isContentType(name: string): boolean {
  return name.toLowerCase() === 'content-type';
}

/** Any init that is not empty resets both members to their defaults (Fetch Standard, Request constructor, step 12). */
function referrerOf({ referrer, referrerPolicy }: Request): RequestInit {
  return {
    ...(referrer !== 'about:client' && { referrer }),
    ...(referrerPolicy && { referrerPolicy }),
  };
}

function isDefault(name: string, value: unknown): boolean {
  return value === undefined || value === defaults[name];
}

function membersOf(request: Request): RequestInit {
  const members: Record<string, unknown> = { ...referrerOf(request) };
  for (const name of Object.keys(defaults)) {
    const value = request[name as keyof Request];
    if (!isDefault(name, value)) members[name] = value;
  }
  return members;
}
