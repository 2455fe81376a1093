/**
 * A `node:http` server whose responses a test writes by hand, chunk by chunk. It records what its client does. A server
 * that fails in given ways is in `faults.ts`.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { soon } from './faults/clock.ts';

export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** The whole body of the request. */
  readonly body: Promise<Buffer>;
  /** The number of the connection, from 1 on. */
  readonly connection: number;
  /** `cut` means that the connection closed before the response was complete. */
  readonly state: 'open' | 'complete' | 'cut';
  readonly over: Promise<'complete' | 'cut'>;
}

export interface Origin extends AsyncDisposable {
  readonly url: string;
  readonly exchanges: readonly Exchange[];
}

export async function origin(respond: (exchange: Exchange) => void): Promise<Origin> {
  const exchanges: Exchange[] = [];
  const connections = new Map<Socket, number>();

  const server = createServer((request, response) => {
    let state: Exchange['state'] = 'open';
    const exchange: Exchange = {
      request,
      response,
      body: whole(request),
      connection: connections.get(request.socket)!,
      get state() {
        return state;
      },
      over: once(response, 'close').then(() => (state = response.writableFinished ? 'complete' : 'cut')),
    };
    exchange.body.catch(() => {}); // a test that awaits the body still sees the error
    response.on('error', () => {});
    exchanges.push(exchange);
    respond(exchange);
  });
  server.on('connection', (socket: Socket) => connections.set(socket, connections.size + 1));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    exchanges,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

/** Writes a body without end, as fast as the client reads it. */
export function flood({ response }: Exchange): void {
  const more = (): void => {
    while (!response.destroyed && response.write(Buffer.alloc(16_384, 'kyoa ')));
  };
  response.on('drain', more);
  more();
}

/** Resolves after ten turns of the event loop: every promise that needs nothing from outside has settled by then. */
export async function settled(): Promise<void> {
  for (let n = 0; n < 10; n += 1) await new Promise((resolve) => soon(resolve));
}

/** Resolves once the predicate holds. Fake timers do not stop it: it waits for turns of the event loop. */
export async function until(predicate: () => boolean): Promise<void> {
  while (!predicate()) await settled();
}

async function whole(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
