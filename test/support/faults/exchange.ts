/** One request, and the functions with which a fault responds to it. */
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { now, sleep } from './clock.ts';
import type { Head, Headers } from './wire.ts';

/**
 * `hanging` means that the server will not complete the response, `complete` that it sent the whole response, `cut` that
 * it ended the connection on purpose, and `aborted` that the client left before any of these.
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
  /** ms from `at` until the client closed the connection, if it did so before the response was complete. */
  readonly abortedAfter: number | undefined;
}

export type Cut = 'reset' | 'fin';

export type Recorded = { -readonly [K in keyof Seen]: Seen[K] } & { readonly pieces: Buffer[] };

export type ResponseHeaders = Readonly<Record<string, string | number | readonly string[]>>;

export interface Exchange {
  readonly seen: Seen;
  /** The last segment of the path, which matches a `*` in the path of a route. */
  readonly tail: string;
  readonly text: (name: string, fallback: string) => string;
  readonly number: (name: string, fallback: number) => number;
  /** How many requests had this path and this `id`, with this request. */
  turn(): number;
  /** How many times the work was done for this `id`, with this time. */
  execute(): number;

  /** Sends bytes unchanged. Resolves when the kernel has taken them. */
  raw(bytes: string | Buffer): Promise<void>;
  /** Sends the head, line by line if there is a `gap`. */
  head(status: number, headers?: ResponseHeaders, gap?: number): Promise<void>;
  /** Sends a piece of the body, framed as a chunk if the head announced chunks. */
  write(bytes: string | Buffer): Promise<void>;
  /** Ends the body: with the last chunk, or with a FIN if the head announced neither chunks nor a length. */
  end(): Promise<void>;
  /** Sends a whole response. */
  reply(status: number, body?: string | Buffer, headers?: ResponseHeaders): Promise<void>;

  pause(ms: number): Promise<void>;
  /** Declares that the server will not complete this response. */
  neverComplete(): void;
  /** Declares it, sends nothing more, and rejects when the client leaves. */
  hang(): Promise<void>;
  /** Ends the connection now: by RST or by FIN. */
  cut(how: Cut): void;
  /** Makes the next request on this connection be cut without a response. */
  failNext(how: Cut): void;
  /** Stops reading, so that an upload backs up. */
  stopReading(): void;
}

export interface Surroundings {
  readonly socket: Socket;
  /** Aborts when the connection ends. */
  readonly gone: AbortSignal;
  readonly seen: Recorded;
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

export function exchange({ socket, gone, seen, changed, counted, failNext }: Surroundings): Exchange {
  const { pathname, searchParams } = new URL(seen.url, 'http://server');
  const id = searchParams.get('id') ?? '';
  let framing: 'length' | 'chunked' | 'close' = 'close';

  function enter(state: State): void {
    gone.throwIfAborted();
    seen.state = state;
    changed();
  }

  const x: Exchange = {
    seen,
    tail: pathname.slice(pathname.lastIndexOf('/') + 1),
    text: (name, fallback) => searchParams.get(name) ?? fallback,
    number: (name, fallback) => number(name, searchParams.get(name) ?? fallback),
    turn: () => counted('turn', `${pathname} ${id}`),
    execute: () => counted('execution', id),

    raw: (bytes) =>
      new Promise((resolve, reject) => {
        gone.throwIfAborted();
        socket.write(bytes, (error) => (error ? reject(error) : resolve()));
      }),

    async head(status, headers = {}, gap = 0) {
      framing = 'content-length' in headers ? 'length' : 'transfer-encoding' in headers ? 'chunked' : 'close';
      const text = headText(status, { ...commonHeaders(seen.headers, headers), ...headers });
      for (const piece of gap > 0 ? text.split(/(?<=\r\n)/) : [text]) {
        await x.raw(piece);
        await x.pause(gap);
      }
      seen.headSent = true;
    },

    async write(bytes) {
      const body = Buffer.from(bytes);
      if (body.length > 0) await x.raw(framing === 'chunked' ? chunk(body) : body);
    },

    async end() {
      if (framing === 'chunked') await x.raw('0\r\n\r\n');
      if (framing === 'close') x.cut('fin');
    },

    async reply(status, content = '', headers = {}) {
      const bodiless = status === 204 || status === 304;
      const body = Buffer.from(bodiless ? '' : content);
      const head = headText(status, {
        ...commonHeaders(seen.headers, headers),
        ...(bodiless ? {} : { 'content-length': body.length }),
        ...headers,
      });
      await x.raw(seen.method === 'HEAD' ? head : Buffer.concat([Buffer.from(head), body]));
      seen.headSent = true;
    },

    async pause(ms) {
      if (ms > 0) await sleep(ms, undefined, { signal: gone });
    },

    neverComplete: () => enter('hanging'),

    async hang() {
      x.neverComplete();
      await new Promise((_, reject) => gone.addEventListener('abort', () => reject(gone.reason)));
    },

    cut(how) {
      enter('cut');
      if (how === 'reset') socket.resetAndDestroy();
      else socket.end();
    },

    failNext,

    stopReading() {
      socket.pause();
    },
  };
  return x;
}

/** Headers that let every page read the response, and keep it out of the cache of a browser. */
function commonHeaders(request: Headers, response: ResponseHeaders): ResponseHeaders {
  return {
    'access-control-allow-origin': request['origin'] ?? '*',
    'access-control-allow-credentials': 'true',
    // The star does not cover a request with credentials.
    'access-control-expose-headers': ['*', ...Object.keys(response)].join(', '),
    'cache-control': 'no-store',
  };
}

export function headText(status: number, headers: ResponseHeaders): string {
  const lines = Object.entries(headers).flatMap(([name, value]) => [value].flat().map((each) => `${name}: ${each}`));
  return [`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`, ...lines, '', ''].join('\r\n');
}

function chunk(body: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${body.length.toString(16)}\r\n`), body, Buffer.from('\r\n')]);
}

function number(name: string, value: string | number): number {
  const result = Number(value);
  if (Number.isNaN(result)) throw new Error(`${name}=${value} is not a number`);
  return result;
}
