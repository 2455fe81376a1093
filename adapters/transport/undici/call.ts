/** One call of fetch, from the request to the end of the answer's body, by way of redirects. */
import { idempotentMethods } from '../../../src/core/engine/http.ts';
import { LazyAbortController, type AbortSource } from '../../../src/core/engine/lazy-abort.ts';
import type { RequestLike } from '../../../src/core/engine/lazy-request.ts';
import { failed } from './errors.ts';
import { Exchange, type ResponseHandler } from './exchange.ts';
import type { IncomingHeaders } from './headers.ts';
import type { Incoming, Receiver } from './incoming.ts';
import type { Outgoing } from './outgoing.ts';
import type { Pool } from './pool.ts';
import { receive } from './receive.ts';
import { follow, locationOf, mostRedirects, type Hop } from './redirect.ts';

export interface Task {
  readonly request: RequestLike;
  readonly source: AbortSource | null | undefined;
  readonly body: Outgoing | undefined;
  readonly poolOf: (origin: string) => Pool;
}

/** How to settle the caller's promise. */
export interface Caller {
  resolve(response: Response): void;
  reject(error: unknown): void;
}

const idempotent: ReadonlySet<string> = new Set(idempotentMethods);

export class Call implements ResponseHandler {
  readonly #task: Task;
  /** Let go of once settled: by their promise it holds the Response, which is to be collected if they drop it. */
  #caller: Caller | undefined;
  #hop: Hop;
  #redirects = 0;
  #exchange!: Exchange;
  #incoming: Incoming | undefined;
  #isOver = false;

  constructor(task: Task, first: Hop, caller: Caller) {
    this.#task = task;
    this.#caller = caller;
    this.#hop = first;
    if (task.source instanceof LazyAbortController) task.source.onAbort(this.#abort);
    else task.source?.addEventListener('abort', this.#abort);
    this.#send();
  }

  onHeaders(status: number, statusText: string, headers: IncomingHeaders): Receiver | undefined {
    const { request } = this.#task;
    try {
      const location = request.redirect === 'manual' ? undefined : locationOf(status, headers['location'], this.#hop);
      if (location !== undefined) return this.#redirect(status, location);
      const answer = { request, status, statusText, headers, url: this.#hop.url, redirected: this.#redirects > 0 };
      const delivery = receive(answer, this.#exchange, this.#pool.settings.body, this.#over);
      this.#incoming = delivery.incoming;
      if (delivery.response instanceof Response) this.#resolve(delivery.response);
      else delivery.response.then(this.#resolve, (error: Error) => this.onError(error));
      return delivery.receiver;
    } catch (error) {
      this.onError(error as Error);
      return undefined;
    }
  }

  onError(error: Error): void {
    this.#over();
    this.#reject(failed(error, this.#task.request));
  }

  get #pool(): Pool {
    return this.#task.poolOf(this.#hop.origin);
  }

  #send(): void {
    const { body, request } = this.#task;
    const { method, origin, target, headers, hasBody } = this.#hop;
    const pool = this.#pool;
    const repeatable = idempotent.has(method) || request.headers.has('idempotency-key');
    this.#exchange = new Exchange(
      { method, origin, target, headers, body: hasBody ? body : undefined, repeatable },
      pool,
      this,
    );
    pool.send(this.#exchange);
  }

  #redirect(status: number, to: URL): undefined {
    if (this.#task.request.redirect === 'error') throw new Error('unexpected redirect');
    if (this.#redirects === mostRedirects) throw new Error('redirect count exceeded');
    if (status !== 303 && this.#hop.hasBody && this.#task.body?.again === false) {
      throw new Error('a body that can be sent once was redirected');
    }
    const next = follow(this.#hop, status, to);
    this.#redirects += 1;
    this.#hop = next;
    this.#send();
  }

  /** The caller's reason reaches them as it is, whether they wait for the headers or read the body. */
  readonly #abort = (): void => {
    if (this.#isOver) return;
    const { reason } = this.#task.source!;
    this.#over();
    this.#reject(reason);
    this.#incoming?.abort(reason);
    this.#exchange.fail(reason instanceof Error ? reason : new Error('The call was aborted', { cause: reason }));
  };

  readonly #resolve = (response: Response): void => {
    this.#caller?.resolve(response);
    this.#caller = undefined;
  };

  #reject(error: unknown): void {
    this.#caller?.reject(error);
    this.#caller = undefined;
  }

  /** A branch lives no longer than its call, and forgets nobody; a signal may be long-lived. */
  readonly #over = (): void => {
    this.#isOver = true;
    const { source } = this.#task;
    if (source instanceof AbortSignal) source.removeEventListener('abort', this.#abort);
  };
}
