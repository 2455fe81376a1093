/** An HTTP server that sends event streams by a script. */
import type { ServerSentEvent } from 'kyoa/events';
import { origin, settled, type Exchange, type Origin } from './origin.ts';

export type Serve = (exchange: Exchange) => void;

/** Serves one request after another by the script; after it, 204 ends the stream for good. */
export function eventOrigin(script: readonly Serve[]): Promise<Origin> {
  let turn = 0;
  return origin((exchange) => {
    const serve = script[turn] ?? replies(204);
    turn += 1;
    serve(exchange);
  });
}

export const eventStream = { 'content-type': 'text/event-stream' };

export function replies(status: number, headers = {}): Serve {
  return ({ response }) => void response.writeHead(status, headers).end();
}

/** Sends the text, and ends the body, or breaks it when the client has read the text, or leaves it open. */
export function sends(text: string, how: 'end' | 'break' | 'stay' = 'end'): Serve {
  return ({ response }) => {
    response.writeHead(200, eventStream).write(text);
    if (how === 'end') response.end();
    if (how === 'break') void settled().then(() => response.destroy());
  };
}

export function message(data: string, id = ''): ServerSentEvent {
  return { event: 'message', data, id };
}

export async function all(stream: AsyncIterable<ServerSentEvent>): Promise<ServerSentEvent[]> {
  const all: ServerSentEvent[] = [];
  for await (const event of stream) all.push(event);
  return all;
}

/** What each request had as `Last-Event-ID`. */
export function idsSent({ exchanges }: Origin): (string | undefined)[] {
  return exchanges.map(({ request }) => request.headers['last-event-id'] as string | undefined);
}
