/** One request, and the functions with which a fault responds to it. */
import { now, sleep } from './clock.ts';
import type { Head, Headers } from './wire.ts';

/**
 * `hanging` means that the server will not complete the response, `complete` that it sent the whole response, `cut` that
 * it ended the connection or the stream on purpose, and `aborted` that the client left before any of these.
 */
export type State = 'receiving' | 'answering' | 'hanging' | 'complete' | 'cut' | 'aborted';

/** One request as the server received it. Its members change while the request is served. */
export interface Seen extends Head {
  /** The request target without its query. */
  readonly path: string;
  /** The part of the body that has arrived. */
  readonly body: Buffer;
  /** The number of the connection, and `nth` that of the request on it, both from 1 on and without preflights. */
  readonly connection: number;
  readonly nth: number;
  /** When the head was complete, in ms on the clock of performance.now(). */
  readonly at: number;
  readonly state: State;
  /** Whether a complete response head was sent. */
  readonly headSent: boolean;
  /** ms from `at` until the client closed the connection or the stream, if it did so before the response was complete. */
  readonly abortedAfter: number | undefined;
}

export type Cut = 'reset' | 'fin';

export type Recorded = { -readonly [K in keyof Seen]: Seen[K] } & { readonly pieces: Buffer[] };

export type ResponseHeaders = Readonly<Record<string, string | number | readonly string[]>>;

/** How a response is sent, over HTTP/1.1 and HTTP/2 alike, and each way to misbehave. */
export interface Responder {
  /** Sends bytes unchanged. Resolves when the kernel has taken them. */
  readonly raw: (bytes: string | Buffer) => Promise<void>;
  /** Sends the beginning of a head. */
  readonly halfHead: () => Promise<void>;
  /** Sends an interim response. */
  readonly inform: (status: number) => Promise<void>;
  /** Sends the head, line by line if there is a `gap`. */
  readonly head: (status: number, headers?: ResponseHeaders, gap?: number) => Promise<void>;
  /** Sends a piece of the body, framed as a chunk if the head announced chunks. */
  readonly write: (bytes: string | Buffer) => Promise<void>;
  /** Ends the body. Resolves to whether that took a FIN: of an HTTP/1.1 response with neither chunks nor a length. */
  readonly end: () => Promise<boolean>;
  /** Sends a whole response. */
  readonly reply: (status: number, body?: string | Buffer, headers?: ResponseHeaders) => Promise<void>;

  /** Ends the connection now: by RST or by FIN. */
  readonly cut: (how: Cut) => void;
  /** Resets the stream of the request (HTTP/2). */
  readonly resetStream: (code: number) => void;
  /** Ends the stream of the request, which has no head yet (HTTP/2). */
  readonly halfClose: () => void;
  /**
   * Asks the client to open another connection (HTTP/2). The server has processed no stream above the last one: the
   * newest of the connection, none from this one on, or all that are to come.
   */
  readonly goAway: (code: number, lastStream?: 'newest' | 'none' | 'all') => void;
  /** Ignores what the client sends on the connection from now on (HTTP/2). */
  readonly freeze: () => void;
  /** Stops reading, so that an upload backs up. */
  readonly stopReading: () => void;
}

export interface Exchange extends Responder {
  readonly seen: Seen;
  /** The last segment of the path, which matches a `*` in the path of a route. */
  readonly tail: string;
  readonly text: (name: string, fallback: string) => string;
  readonly number: (name: string, fallback: number) => number;
  /** How many requests had this path and this `id`, with this request. */
  turn(): number;
  /** How many times the work was done for this `id`, with this time. */
  execute(): number;

  pause(ms: number): Promise<void>;
  /** Declares that the server will not complete this response. */
  neverComplete(): void;
  /** Declares it, sends nothing more, and rejects when the client leaves. */
  hang(): Promise<void>;
  /** Makes the next request on this connection be cut without a response. */
  failNext(how: Cut): void;
}

export interface Surroundings {
  /** Aborts when the connection or the stream ends. */
  readonly gone: AbortSignal;
  readonly seen: Recorded;
  readonly responder: Responder;
  readonly changed: () => void;
  readonly counted: (what: 'turn' | 'execution', key: string) => number;
  readonly failNext: (how: Cut) => void;
}

export function record(head: Head, connection: number, nth: number): Recorded {
  const pieces: Buffer[] = [];
  return {
    ...head,
    path: head.url.replace(/\?.*/, ''),
    pieces,
    get body() {
      return Buffer.concat(pieces);
    },
    connection,
    nth,
    at: now(),
    state: 'receiving',
    headSent: false,
    abortedAfter: undefined,
  };
}

export function exchange({ gone, seen, responder, changed, counted, failNext }: Surroundings): Exchange {
  const { pathname, searchParams } = new URL(seen.url, 'http://server');
  const id = searchParams.get('id') ?? '';

  function enter(state: State): void {
    gone.throwIfAborted();
    seen.state = state;
    changed();
  }
  /** The server ends the response before it is complete. */
  const ending =
    <Args extends unknown[]>(end: (...args: Args) => void) =>
    (...args: Args): void => {
      enter('cut');
      end(...args);
    };

  const x: Exchange = {
    ...responder,
    seen,
    tail: pathname.slice(pathname.lastIndexOf('/') + 1),
    text: (name, fallback) => searchParams.get(name) ?? fallback,
    number: (name, fallback) => number(name, searchParams.get(name) ?? fallback),
    turn: () => counted('turn', `${pathname} ${id}`),
    execute: () => counted('execution', id),

    async end() {
      if (await responder.end()) enter('cut');
      return false;
    },
    cut: ending(responder.cut),
    resetStream: ending(responder.resetStream),
    halfClose: ending(responder.halfClose),
    goAway(code, lastStream) {
      if (lastStream === 'none') enter('cut');
      responder.goAway(code, lastStream);
    },

    async pause(ms) {
      if (ms > 0) await sleep(ms, undefined, { signal: gone });
    },

    neverComplete: () => enter('hanging'),

    async hang() {
      x.neverComplete();
      await new Promise((_, reject) => gone.addEventListener('abort', () => reject(gone.reason)));
    },

    failNext,
  };
  return x;
}

function number(name: string, value: string | number): number {
  const result = Number(value);
  if (Number.isNaN(result)) throw new Error(`${name}=${value} is not a number`);
  return result;
}

/** Headers that let every page read the response, and keep it out of the cache of a browser. */
export function commonHeaders(request: Headers, response: ResponseHeaders): ResponseHeaders {
  return {
    'access-control-allow-origin': request['origin'] ?? '*',
    'access-control-allow-credentials': 'true',
    // The star does not cover a request with credentials.
    'access-control-expose-headers': ['*', ...Object.keys(response)].join(', '),
    'cache-control': 'no-store',
  };
}
