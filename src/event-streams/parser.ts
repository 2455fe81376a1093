/** Parses the bytes of one event stream by the rules of HTML §9.2.6. */
import { createParser } from 'eventsource-parser';

/**
 * An event of a stream.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/event-streams.md
 */
export interface ServerSentEvent {
  /** The type that the server gave, or `message`. */
  readonly event: string;
  /** The lines of the field `data`, joined by line feeds. */
  readonly data: string;
  /** The id of the last event that had one, which may be this event; `''` if there was none. */
  readonly id: string;
}

/** An event as the stream has it: without an id if it has none of its own. */
export interface ParsedEvent {
  readonly event: string;
  readonly data: string;
  readonly id: string | undefined;
}

export interface ParserOptions {
  readonly onEvent: (event: ParsedEvent) => void;
  /** The last id of a block, before its event; a block without data has an id only. */
  readonly onId: (id: string) => void;
  /** The reconnection time that the server wishes, ms. */
  readonly onRetry: (ms: number) => void;
  /** An event has more characters than a program should hold. No further event follows. */
  readonly onOverflow: () => void;
}

/** The most characters of an event: a server must not fill the memory with a line that never ends. */
export const longestEvent: number = 2 ** 26;

/** Returns a function that receives the chunks of one connection. A part of an event at the end of the stream is dropped. */
export function eventParser({ onEvent, onOverflow, ...rest }: ParserOptions): (chunk: Uint8Array) => void {
  const decoder = new TextDecoder(); // removes one BOM
  const parser = createParser({
    ...rest,
    onEvent: ({ event = 'message', data, id }) => onEvent({ event, data, id }),
    onError: ({ type }) => type === 'max-buffer-size-exceeded' && onOverflow(),
    maxBufferSize: longestEvent,
  });
  // The parser removes a second BOM, and the text `ï»¿` as well. An empty line ends its search.
  parser.feed('\n');
  return (chunk) => parser.feed(decoder.decode(chunk, { stream: true }));
}
