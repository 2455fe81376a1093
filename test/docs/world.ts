/**
 * The app around the examples of the pages: the names that they use without saying where they come from, as types for
 * the compiler and as values for the run. Their `fetch` reaches a server on loopback, for any host that a URL names.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import kyoa, { memory, type Kyoa, type KyoaHandler, type Storage } from 'kyoa';

interface Sdk {
  new (options: { readonly fetch: typeof fetch; readonly maxRetries: number }): object;
}

declare global {
  var order: { readonly id: string; readonly items: readonly string[] };
  /** As they are in the SDKs: `fetch` and `maxRetries` are all that matters here. */
  var OpenAI: Sdk;
  var Anthropic: Sdk;
  var api: Kyoa;
  var placeOrder: (request: Request) => Promise<Response>;
  var handle: KyoaHandler;
  var myStorage: (name: string) => Storage;
  var Deno: { serve(handle: (request: Request) => Promise<Response>): void };
  var Bun: { serve(options: { fetch: (request: Request) => Promise<Response> }): void };
  var show: (value: unknown) => void;
}

export interface World extends AsyncDisposable {
  /** Method and path of the requests that have arrived. */
  readonly arrived: readonly string[];
}

export async function world(): Promise<World> {
  const arrived: string[] = [];
  const server = createServer((request, response) => {
    arrived.push(`${request.method} ${request.url}`);
    request.resume().on('end', () => response.setHeader('content-type', 'application/json').end('{"users":[]}'));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  const platform = globalThis.fetch;
  globalThis.fetch = (input, init) => {
    const { pathname, search } = new URL(input instanceof Request ? input.url : input);
    const url = origin + pathname + search;
    return platform(input instanceof Request ? new Request(url, input) : url, init);
  };
  Object.assign(globalThis, {
    order: { id: 'order-42', items: ['a ticket'] },
    api: kyoa.create({ baseUrl: 'https://api.example.com/' }),
    OpenAI: Object,
    Anthropic: Object,
    placeOrder: async () => Response.json({ placed: true }, { status: 201 }),
    handle: async () => Response.json({}),
    myStorage: () => memory(),
    show: () => {},
  });

  return {
    arrived,
    async [Symbol.asyncDispose]() {
      globalThis.fetch = platform;
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
