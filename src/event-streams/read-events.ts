/** Reads the events of one response. */
import { afterRest, LimitTimer } from '../core/engine/timers.ts';
import { TimeoutError } from '../core/errors.ts';
import type { Bytes } from '../lib/body/streams.ts';
import { noop } from '../lib/noop.ts';
import { abortable } from './abortable.ts';
import { EventStreamError } from './event-stream-error.ts';
import { eventParser, longestEvent, type ParserOptions } from './parser.ts';

export interface ReadOptions extends Omit<ParserOptions, 'onOverflow'> {
  /** Its abort ends the read. */
  readonly connection: AbortController;
  /** The longest time without a byte, ms. */
  readonly silence: number;
}

/**
 * Yields after each chunk, whose events were passed to `onEvent`. The next chunk is read only when the consumer wants it, so
 * that its pace is that of the server. The end of the generator, however it comes, closes the connection.
 */
export function readEvents(response: Response, options: ReadOptions): AsyncGenerator<void, void> {
  let overflow = false;
  const parse = eventParser({ ...options, onOverflow: () => void (overflow = true) });
  return readChunks(readerOf(response), options, (chunk) => {
    parse(chunk);
    if (overflow) throw new EventStreamError(response, `sent an event of more than ${longestEvent} characters`);
  });
}

type Reader = ReadableStreamDefaultReader<Bytes>;

/** A fetch of React Native, or one that is written for Node, may have no streams of the platform. */
function readerOf(response: Response): Reader | undefined {
  const body = response.body as Response['body'] | undefined;
  if (body === null) return undefined;
  if (typeof body?.getReader === 'function') return body.getReader();
  throw new EventStreamError(response, 'has no ReadableStream as its body: use a fetch whose responses have one');
}

async function* readChunks(
  reader: Reader | undefined,
  { connection, silence }: ReadOptions,
  parse: (chunk: Bytes) => void,
): AsyncGenerator<void, void> {
  if (reader === undefined) return;
  try {
    for (;;) {
      const started = performance.now();
      const expire = (): void => {
        const elapsed = performance.now() - started;
        connection.abort(new TimeoutError({ phase: 'idle', limit: silence, elapsed }));
      };
      const timer = new LimitTimer(silence, (rest) => afterRest(rest, expire));
      const { done, value } = await abortable(reader.read(), connection.signal).finally(() => timer.cancel());
      if (done) return;
      parse(value);
      yield;
    }
  } finally {
    void reader.cancel().catch(noop);
    connection.abort();
  }
}
