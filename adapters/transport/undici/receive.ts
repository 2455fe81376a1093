/** From the head of an answer to a Response, and to what takes the bytes of its body. */
import { nullBodyStatuses } from '../../../src/core/engine/http.ts';
import { TimeoutError } from '../../../src/core/errors.ts';
import type { RequestLike } from '../../../src/core/engine/lazy-request.ts';
import { Decoding, decodersOf } from './decode.ts';
import { terminated } from './errors.ts';
import type { Exchange } from './exchange.ts';
import { valueOf } from './headers.ts';
import { Incoming, type Receiver } from './incoming.ts';
import { matches } from './integrity.ts';
import { respond, type Head } from './response.ts';
import { Watch } from './watch.ts';

export interface Answer extends Head {
  readonly request: RequestLike;
}

export interface Delivery {
  readonly response: Response | Promise<Response>;
  /** The body on its way, if there is one. */
  readonly incoming: Incoming | undefined;
  readonly receiver: Receiver;
}

/** `limit` is for the server's silence, ms; `over` is called when there is nothing left to abort. */
export function receive(answer: Answer, exchange: Exchange, limit: number, over: () => void): Delivery {
  const { request, status, statusText, headers, url, redirected } = answer;
  const head: Head = { status, statusText, headers, url, redirected };
  const contentType = valueOf(headers, 'content-type');
  const explain = (error: Error): Error => terminated(error, request);
  const silence = new Watch(limit, (elapsed) => exchange.fail(new TimeoutError({ phase: 'idle', limit, elapsed })));

  if (request.method === 'HEAD' || nullBodyStatuses.has(status)) {
    const incoming = new Incoming({ contentType, source: exchange, silence, explain, over });
    if (request.integrity !== '') check(request.integrity, new Uint8Array());
    return { response: respond(head, null), incoming: undefined, receiver: incoming };
  }

  const coding = valueOf(headers, 'content-encoding');
  const codings = coding === undefined ? [] : decodersOf(coding);
  const decoding = codings.length === 0 ? undefined : new Decoding(codings, exchange);
  const incoming = new Incoming({ contentType, source: decoding ?? exchange, silence, explain, over });
  if (decoding !== undefined) decoding.sink = incoming;
  const response = request.integrity === '' ? handedOver(head, incoming) : checked(head, incoming, request.integrity);
  return { response, incoming, receiver: decoding ?? incoming };
}

function handedOver(head: Head, incoming: Incoming): Response {
  const response = respond(head, incoming);
  incoming.belongsTo(response);
  return response;
}

async function checked(head: Head, incoming: Incoming, integrity: string): Promise<Response> {
  const body = Buffer.concat(await incoming.readAll());
  check(integrity, body);
  const whole = new ReadableStream<Uint8Array<ArrayBuffer>>({
    type: 'bytes',
    start(controller) {
      if (body.length > 0) controller.enqueue(new Uint8Array(body));
      controller.close();
    },
  });
  return respond(head, whole);
}

function check(integrity: string, body: Uint8Array): void {
  if (!matches(integrity, body)) throw new Error('integrity mismatch');
}
