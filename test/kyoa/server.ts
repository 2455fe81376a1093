/** What the tests of the client talk to: a real HTTP server that echoes, or answers as the test says. */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { finished } from 'node:stream/promises';
import ky from 'ky';
import { test as base } from 'vitest';
import kyoa, { type Kyoa } from '../../src/index.ts';

/** What is promised of both holds for both: that kyoa passes as ky is seen by running ky under the same tests. */
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

/** A status, a value that becomes JSON, or what to do. Of several, the nth request gets the nth, and the last one repeats. */
export type Answer = number | object | Handle;
export type Handle = (response: ServerResponse, seen: Seen, request: IncomingMessage) => unknown;

export interface TestServer {
  readonly origin: string;
  readonly requests: readonly Seen[];
  readonly last: Seen;
  /** Bytes of request bodies so far. */
  readonly received: number;
  /** Answers that the client did not wait for. */
  readonly cut: number;
  answer(...answers: Answer[]): void;
  /** Resolves once the predicate holds; looked at whenever something happens here. */
  until(predicate: () => boolean): Promise<void>;
}

/** As vitest's, with a `server` of its own for every test. */
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
  let answers: readonly Answer[] = [];
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
    const answer = answers[Math.min(requests.length, answers.length) - 1] ?? seen;
    if (typeof answer === 'function') answer(response, seen, request);
    else if (typeof answer === 'number') response.writeHead(answer, { 'retry-after': '0' }).end();
    else json(response, answer);
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
      answer: (...given) => (answers = given),
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

/** Sends headers and a first chunk, and never the end. */
export function stall(response: ServerResponse): void {
  response.writeHead(200, { 'content-length': '1000' }).write('the beginning');
}

/** Never answers. */
export function hang(): void {}
