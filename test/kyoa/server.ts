/** The real HTTP server of the tests of the client. It echoes each request, or responds as the test sets it. */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { finished } from 'node:stream/promises';
import ky from 'ky';
import { test as base } from 'vitest';
import kyoa, { type Kyoa } from '../../src/index.ts';

/** Both clients run the tests of what both promise, so that kyoa can replace ky. */
export const clients = [
  { name: 'kyoa', client: kyoa },
  { name: 'ky', client: ky as unknown as Kyoa },
];

export interface Seen {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A status, a value that becomes JSON, or a function. The nth request gets the nth of them, and the last one repeats. */
export type Reply = number | object | Handle;
export type Handle = (response: ServerResponse, seen: Seen, request: IncomingMessage) => unknown;

export interface TestServer {
  readonly origin: string;
  readonly requests: readonly Seen[];
  readonly last: Seen;
  /** Bytes of request bodies so far. */
  readonly received: number;
  /** How many responses the client cut short. */
  readonly cut: number;
  respond(...replies: Reply[]): void;
  /** Resolves once the predicate holds. The server checks it with each change. */
  until(predicate: () => boolean): Promise<void>;
}

/** The `test` of vitest, with a new `server` for each test. */
export const test = base.extend<{ server: TestServer }>({
  server: async ({ task: _ }, use) => {
    const { server, close } = await serve();
    await use(server);
    await close();
  },
});

async function serve(): Promise<{ server: TestServer; close: () => Promise<void> }> {
  const requests: Seen[] = [];
  const watchers = new Set<() => void>();
  let replies: readonly Reply[] = [];
  let received = 0;
  let cut = 0;
  const changed = (): void => watchers.forEach((check) => check());

  const listener = createServer(async (request, response) => {
    response.on('close', () => {
      if (!response.writableFinished) cut += 1;
      changed();
    });
    const { method = '', url = '', headers } = request;
    const body: Buffer[] = [];
    request.on('data', (chunk: Buffer) => {
      body.push(chunk);
      received += chunk.length;
      changed();
    });
    if ((await finished(request).catch(() => 'cut')) === 'cut') return;
    const seen: Seen = { method, url, headers, body: Buffer.concat(body).toString() };
    requests.push(seen);
    const reply = replies[Math.min(requests.length, replies.length) - 1] ?? seen;
    if (typeof reply === 'function') reply(response, seen, request);
    else if (typeof reply === 'number') response.writeHead(reply, { 'retry-after': '0' }).end();
    else json(response, reply);
    changed();
  }).listen(0, '127.0.0.1');
  await once(listener, 'listening');

  return {
    server: {
      origin: `http://127.0.0.1:${(listener.address() as AddressInfo).port}`,
      requests,
      get last() {
        return requests.at(-1)!;
      },
      get received() {
        return received;
      },
      get cut() {
        return cut;
      },
      respond: (...given) => (replies = given),
      until: (predicate) =>
        new Promise((resolve) => {
          const check = (): void => {
            if (!predicate()) return;
            watchers.delete(check);
            resolve();
          };
          watchers.add(check);
          check();
        }),
    },
    async close() {
      listener.closeAllConnections();
      listener.close();
      await once(listener, 'close');
    },
  };
}

export function json(response: ServerResponse, value: unknown, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}

/** Sends the headers and a first chunk, and never ends the body. */
export function stall(response: ServerResponse): void {
  response.writeHead(200, { 'content-length': '1000' }).write('the beginning');
}

/** Never responds. */
export function hang(): void {}
