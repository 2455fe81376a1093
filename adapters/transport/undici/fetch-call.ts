/** One call of fetch, across redirects, until the body of its response has ended. */
import { idempotentMethods } from '../../../src/core/engine/http-constants.ts';
import type { AbortSource } from '../../../src/core/engine/lazy-abort.ts';
import type { RequestLike } from '../../../src/core/engine/lazy-request.ts';
import { fetchError } from './errors.ts';
import { Exchange, type ResponseHandler } from './exchange.ts';
import type { Pool } from './pool.ts';
import { receiveResponse } from './receive-response.ts';
import { followRedirect, isRedirect, maxRedirects, redirectUrl } from './redirect.ts';
import type { PendingBody, RequestBody } from './request-body.ts';
import type { NetworkRequest } from './network-request.ts';
import type { BodySink, ResponseBody } from './response-body.ts';
import type { RawHeaders } from './response-headers.ts';

export interface CallInput {
  readonly request: RequestLike;
  readonly source: AbortSource | AbortSignal | null | undefined;
  readonly body: RequestBody | PendingBody | undefined;
  readonly poolOf: (origin: string) => Pool;
}

/** Settles the promise that the caller has. */
export interface Deferred {
  resolve(response: Response): void;
  reject(error: unknown): void;
}

export class Call implements ResponseHandler {
  readonly #input: CallInput;
  /** Dropped once settled: through its promise it holds the Response, which must be collectable while the body arrives. */
  #deferred: Deferred | undefined;
  /** The request that is on its way: the caller's, or that of the last redirect. */
  #sent: NetworkRequest;
  #redirects = 0;
  /** Whether the request has been repeated on a new connection. */
  #isolated = false;
  #requestBody: RequestBody | undefined;
  #exchange: Exchange | undefined;
  #body: ResponseBody | undefined;
  #ended = false;

  constructor(input: CallInput, first: NetworkRequest, deferred: Deferred) {
    this.#input = input;
    this.#deferred = deferred;
    this.#sent = first;
    if (input.source instanceof AbortSignal) input.source.addEventListener('abort', this.#abort);
    else input.source?.onAbort(this.#abort);
    const { body } = input;
    if (body === undefined || 'open' in body) this.#start(body);
    else {
      const { ready } = body;
      ready.then(this.#start, (error: Error) => this.onError(error)).catch((error: unknown) => this.#fail(error));
    }
  }

  onHeaders(status: number, statusText: string, headers: RawHeaders): BodySink | undefined {
    const { request } = this.#input;
    try {
      if (this.#isMisdirected(status)) return this.#isolate();
      if (request.members.redirect === 'error' && isRedirect(status)) throw new Error('unexpected redirect');
      const location =
        request.members.redirect === 'manual' ? undefined : redirectUrl(status, headers['location'], this.#sent);
      if (location !== undefined) return this.#redirect(status, location);
      const head = { status, statusText, headers, url: this.#sent.url, redirected: this.#redirects > 0 };
      const received = receiveResponse(request, head, this.#exchange!, this.#pool.settings, this.#end);
      this.#body = received.body;
      if (this.#input.source instanceof AbortSignal) received.body?.readUnder(this.#input.source);
      if (received.response instanceof Response) this.#resolve(received.response);
      else received.response.then(this.#resolve, (error: Error) => this.onError(error));
      return received.sink;
    } catch (error) {
      this.onError(error as Error);
      return undefined;
    }
  }

  onError(error: Error): void {
    this.#fail(fetchError('fetch failed', error, this.#input.request));
  }

  get #pool(): Pool {
    return this.#input.poolOf(this.#sent.origin);
  }

  readonly #start = (body: RequestBody | undefined): void => {
    if (this.#ended) return;
    this.#requestBody = body;
    this.#send();
  };

  #send(): void {
    const { request } = this.#input;
    const { method, origin, path, headers, hasBody } = this.#sent;
    const pool = this.#pool;
    const replayable = idempotentMethods.includes(method) || request.header('idempotency-key') !== null;
    this.#exchange = new Exchange(
      {
        method,
        origin,
        path,
        headers,
        body: hasBody ? this.#requestBody : undefined,
        replayable,
        isolated: this.#isolated,
      },
      pool,
      this,
    );
    pool.send(this.#exchange);
  }

  /** The server is not responsible for this origin on this connection, and has not processed the request (RFC 9110 §15.5.20). */
  #isMisdirected(status: number): boolean {
    return status === 421 && !this.#isolated && (!this.#sent.hasBody || this.#requestBody?.replayable !== false);
  }

  #isolate(): undefined {
    this.#isolated = true;
    this.#send();
  }

  #redirect(status: number, to: URL): undefined {
    if (this.#redirects === maxRedirects) throw new Error('redirect count exceeded');
    if (status !== 303 && this.#sent.hasBody && this.#requestBody?.replayable === false) {
      throw new Error('a body that can be sent once was redirected');
    }
    const next = followRedirect(this.#sent, status, to);
    this.#redirects += 1;
    this.#sent = next;
    this.#isolated = false;
    this.#send();
  }

  /** The caller's reason reaches the caller unchanged, in place of the response or while the body is read. */
  readonly #abort = (): void => {
    if (this.#ended) return;
    const { reason } = this.#input.source!;
    this.#fail(reason);
    this.#input.body?.cancel?.(reason);
    this.#body?.abort(reason);
    this.#exchange?.fail(reason instanceof Error ? reason : new Error('The call was aborted', { cause: reason }));
  };

  #fail(error: unknown): void {
    this.#end();
    this.#reject(error);
  }

  readonly #resolve = (response: Response): void => {
    this.#deferred?.resolve(response);
    this.#deferred = undefined;
  };

  #reject(error: unknown): void {
    this.#deferred?.reject(error);
    this.#deferred = undefined;
  }

  /** A signal may live longer than the call. An AbortSource belongs to the call and keeps its listeners. */
  readonly #end = (): void => {
    this.#ended = true;
    const { source } = this.#input;
    if (source instanceof AbortSignal) source.removeEventListener('abort', this.#abort);
  };
}
