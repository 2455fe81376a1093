/** Makes a Response of the head that has arrived, and connects its body to the exchange. */
import { nullBodyStatuses } from '../../../src/core/engine/http-constants.ts';
import type { RequestLike } from '../../../src/core/engine/lazy-request.ts';
import { TimeoutError } from '../../../src/core/errors.ts';
import { ContentDecoder, decodersOf } from './content-encoding.ts';
import { fetchError } from './errors.ts';
import type { Exchange } from './exchange.ts';
import { matchesIntegrity } from './integrity.ts';
import type { OriginSettings } from './options.ts';
import { PhaseTimer } from './phase-timer.ts';
import { ResponseBody, type BodySink } from './response-body.ts';
import { headerValue } from './response-headers.ts';
import { lazyResponse, type ResponseHead } from './lazy-response.ts';

export interface ReceivedResponse {
  readonly response: Response | Promise<Response>;
  /** Undefined for a response without a body. */
  readonly body: ResponseBody | undefined;
  /** Takes the bytes as they arrive, encoded or not. */
  readonly sink: BodySink;
}

/** `settings.body` is the longest silence of the server, ms. `ended` is called when there is nothing left to abort. */
export function receiveResponse(
  request: RequestLike,
  head: ResponseHead,
  exchange: Exchange,
  { body: limit, maxBody: maxLength }: OriginSettings,
  ended: () => void,
): ReceivedResponse {
  const { integrity } = request.members;
  const contentType = headerValue(head.headers, 'content-type');
  const toReadError = (error: Error): Error => fetchError('terminated', error, request);
  const expire = (elapsed: number): void => exchange.fail(new TimeoutError({ phase: 'idle', limit, elapsed }));
  const idleTimer = new PhaseTimer(limit, expire);

  if (request.method === 'HEAD' || nullBodyStatuses.has(head.status)) {
    const sink = new ResponseBody({ contentType, source: exchange, idleTimer, maxLength, toReadError, ended });
    if (integrity !== undefined) checkIntegrity(integrity, new Uint8Array());
    return { response: lazyResponse(head, null), body: undefined, sink };
  }

  const encoding = headerValue(head.headers, 'content-encoding');
  const decoders = encoding === undefined ? [] : decodersOf(encoding);
  const decoder = decoders.length === 0 ? undefined : new ContentDecoder(decoders, exchange);
  const body = new ResponseBody({ contentType, source: decoder ?? exchange, idleTimer, maxLength, toReadError, ended });
  if (decoder !== undefined) decoder.sink = body;
  const response = integrity === undefined ? unchecked(head, body) : checked(head, body, integrity);
  return { response, body, sink: decoder ?? body };
}

function unchecked(head: ResponseHead, body: ResponseBody): Response {
  const response = lazyResponse(head, body);
  body.cancelWhenCollected(response);
  return response;
}

/** Reads the whole body first: no byte of it may reach the caller before its digest was checked. */
async function checked(head: ResponseHead, body: ResponseBody, integrity: string): Promise<Response> {
  const bytes = Buffer.concat(await body.readAll());
  checkIntegrity(integrity, bytes);
  const stream = new ReadableStream<Uint8Array<ArrayBuffer>>({
    type: 'bytes',
    start(controller) {
      if (bytes.length > 0) controller.enqueue(new Uint8Array(bytes));
      controller.close();
    },
  });
  return lazyResponse(head, stream);
}

function checkIntegrity(integrity: string, body: Uint8Array): void {
  if (!matchesIntegrity(integrity, body)) throw new Error('integrity mismatch');
}
