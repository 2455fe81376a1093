/** A server on loopback with as much of a protocol as a recipe needs. It can fail, and it records its requests. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** One request. `over` resolves to `cut` if the client left before the response was complete. */
export interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: Promise<string>;
  readonly over: Promise<'complete' | 'cut'>;
}

export interface Loopback extends AsyncDisposable {
  /** `http://127.0.0.1:port`, without a slash at the end. */
  readonly url: string;
  readonly seen: readonly Seen[];
  /** Resolves when `count` requests have arrived. */
  arrived(count?: number): Promise<void>;
  /** Responds to the next requests with a status, or resets their connections. */
  trouble(...next: (number | 'reset')[]): void;
}

export async function loopback(
  respond: (seen: Seen, response: ServerResponse, request: IncomingMessage) => void | Promise<void>,
): Promise<Loopback> {
  const seen: Seen[] = [];
  const ahead: (number | 'reset')[] = [];
  const waiting: { readonly count: number; readonly resolve: () => void }[] = [];

  const server = createServer((request, response) => {
    const { method = '', url = '', headers } = request;
    const next = ahead.shift();
    // The body is read only if the test asks for it, because a handler of a framework reads it itself.
    const over = once(response, 'close').then(() => (response.writableFinished ? 'complete' : 'cut'));
    let body: Promise<string> | undefined;
    const entry: Seen = {
      method,
      url,
      headers,
      over,
      get body() {
        return (body ??= text(request));
      },
    };
    seen.push(entry);
    for (const { count, resolve } of waiting) if (seen.length >= count) resolve();
    if (next === 'reset') request.socket.resetAndDestroy();
    else if (next !== undefined) void entry.body.then(() => json(response, { message: 'try again' }, next));
    else
      void Promise.resolve(respond(entry, response, request)).catch((error: unknown) =>
        response.destroy(error as Error),
      );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    arrived: (count = 1) =>
      new Promise((resolve) => {
        if (seen.length >= count) resolve();
        else waiting.push({ count, resolve });
      }),
    trouble: (...next) => void ahead.push(...next),
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

export function json(response: ServerResponse, value: unknown, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}

/** Sends the first part, and the rest once the first part has arrived at the client. */
export async function inTwo(
  response: ServerResponse,
  first: string,
  arrived: Promise<void>,
  rest: string,
): Promise<void> {
  response.write(first);
  await arrived;
  response.end(rest);
}

/** A request body whose second part is created only when the first has arrived at the server. */
export function uploading(arrived: Promise<void>): ReadableStream<Uint8Array> {
  const parts = [Promise.resolve('first '), arrived.then(() => 'second')];
  return new ReadableStream({
    async pull(controller) {
      const part = await parts.shift();
      if (part === undefined) controller.close();
      else controller.enqueue(new TextEncoder().encode(part));
    },
  });
}

async function text(request: IncomingMessage): Promise<string> {
  let whole = '';
  for await (const chunk of request.setEncoding('utf8')) whole += chunk as string;
  return whole;
}
