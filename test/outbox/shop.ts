/** A server with a ledger, and clients with an outbox that share a storage. */
import { createFetch, memory, type KyoaFetch, type Middleware, type Storage } from 'kyoa';
import { outbox, type Outbox, type OutboxOptions } from 'kyoa/outbox';

import { ledger, type Ledger } from '../support/ledger.ts';

export interface Till {
  readonly box: Outbox;
  readonly api: KyoaFetch;
  /** Posts an order, whose id is its body. */
  readonly post: (body: string, init?: Parameters<KyoaFetch>[1]) => Promise<Response>;
}

export interface Shop extends AsyncDisposable {
  readonly server: Ledger;
  readonly storage: Storage;
  readonly url: string;
  /** A client with an outbox that tries again at `flush()`. `inside`: the stack inside the outbox. */
  open(options?: OutboxOptions, inside?: readonly Middleware[], storage?: Storage): Till;
}

export async function shop(storage: Storage = memory()): Promise<Shop> {
  const server = await ledger();
  const opened: Outbox[] = [];
  const url = `${server.url}/orders`;
  return {
    server,
    storage,
    url,
    open(options = {}, inside = [], own = storage) {
      const box = outbox({ backoff: () => 3_600_000, ...options });
      opened.push(box);
      const api = createFetch({ use: [box, ...inside], storage: own });
      const post: Till['post'] = (body, init) => api(url, { method: 'POST', body, requestId: body, ...init });
      return { box, api, post };
    },
    async [Symbol.asyncDispose]() {
      for (const box of opened) box.close();
      await server[Symbol.asyncDispose]();
    },
  };
}

/** The next outcomes of an outbox: the id, and the status or the code of the error. */
export async function outcomesOf(box: Outbox, count: number): Promise<unknown[]> {
  const outcomes: unknown[] = [];
  for await (const { id, response, error } of box.settled()) {
    outcomes.push([id, response?.status ?? error?.code]);
    if (outcomes.length === count) break;
  }
  return outcomes;
}
