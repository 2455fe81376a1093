/** Every fault, with the observed outcome of a plain fetch. The file imports nothing, so that a page can load it. */

/**
 * The outcome of a fetch whose body is read to the end. `error` is a rejection before there is a response.
 * `silently short` is a body that is too short and has no error.
 */
export type Kind = 'response' | 'error' | 'hangs before headers' | 'hangs in body' | 'error in body' | 'silently short';

export interface Fault {
  readonly name: string;
  readonly path: string;
  readonly node: Kind;
  readonly chromium: Kind;
  /** `error.cause.code` in Node, if there is one. */
  readonly cause?: string;
  /** The status of the response. @default 200 */
  readonly status?: number;
  /** The length of the whole body, if less may arrive. */
  readonly bytes?: number;
  /** @default 'GET' */
  readonly method?: string;
  /** The length of the request body. */
  readonly upload?: number;
  /** The origin of the path, if it is not the server itself. */
  readonly at?: 'refused' | 'tlsStall';
  /** The path that is fetched first, so that the connection is a used one. Needs a server without other connections. */
  readonly before?: string;
}

// Chromium itself sends a request again when a used connection ends before the response begins.
const resent = { chromium: 'response' } as const;
const reset = { cause: 'ECONNRESET' };
const fin = { cause: 'UND_ERR_SOCKET' };
/** An upload that is larger than the buffers of the sockets, so that it stalls if the server does not read. */
const large = { method: 'POST', upload: 8 * 1024 * 1024 };
/** An upload that arrives in several pieces. */
const parted = { method: 'POST', upload: 1024 * 1024 };

export const faults: readonly Fault[] = [
  fault('a good response', '/ok', 'response'),
  fault('an error status', '/status/503', 'response', { status: 503 }),
  fault('a Retry-After', '/retry-after', 'response', { status: 503 }),
  fault('a script of statuses', '/sequence?statuses=503,200', 'response', { status: 503 }),
  fault('a redirect', '/redirect/to', 'response'),
  fault('a chain of redirects', '/redirect/chain?n=5', 'response'),
  fault('a misdirected request', '/misdirected', 'response', { before: '/ok' }),
  fault('a request that is misdirected on every connection', '/misdirected?allowed=0', 'response', { status: 421 }),
  fault('a redirect loop', '/redirect/loop', 'error'),

  fault('a connection refused', '/', 'error', { at: 'refused', cause: 'ECONNREFUSED' }),
  fault('a TLS handshake that never ends', '/', 'hangs before headers', { at: 'tlsStall' }),
  fault('a black hole', '/blackhole', 'hangs before headers'),

  fault('a reset before the headers', '/reset/before-headers', 'error', reset),
  fault('a reset amid the headers', '/reset/amid-headers', 'error', reset),
  fault('a reset before the body', '/reset/before-body', 'error in body', reset),
  fault('a reset amid the body', '/reset/amid-body', 'error in body', reset),
  fault('a reset amid a chunked body', '/reset/amid-body?framing=chunked', 'error in body', reset),
  // undici takes the reset for the end of a body that only the end of the connection could end.
  fault('a reset amid a body of unknown length', '/reset/amid-body?framing=close', 'silently short', {
    bytes: 1000,
    chromium: 'error in body',
  }),
  fault('a FIN before the headers', '/fin/before-headers', 'error', fin),
  fault('a FIN amid the headers', '/fin/amid-headers', 'error', fin),
  fault('a FIN before the body', '/fin/before-body', 'error in body', fin),
  fault('a FIN amid the body', '/fin/amid-body', 'error in body', fin),
  fault('a FIN amid a chunked body', '/fin/amid-body?framing=chunked', 'error in body', fin),
  fault('a FIN amid a body of unknown length', '/fin/amid-body?framing=close', 'silently short', { bytes: 1000 }),
  fault('a script of cuts', '/reset-sequence?steps=reset,fin,ok', 'error', reset),

  fault('a reset of a kept-alive connection', '/ok', 'error', { before: '/keepalive/close-next', ...resent, ...reset }),
  fault('a FIN on a kept-alive connection', '/ok', 'error', {
    before: '/keepalive/close-next?how=fin',
    ...resent,
    ...fin,
  }),
  fault('a reset of a kept-alive connection under a POST', '/ok', 'error', {
    before: '/keepalive/close-next',
    method: 'POST',
    upload: 10,
    ...resent,
    ...reset,
  }),
  fault('work that is done and then reset', '/work?then=reset', 'error', { method: 'POST', ...reset }),
  fault('work that is done and then reset once', '/work?then=reset,ok', 'error', { method: 'POST', ...reset }),
  fault('work that is done and then reset once on a kept-alive connection', '/work?then=reset,ok', 'error', {
    before: '/ok',
    method: 'POST',
    ...resent,
    ...reset,
  }),

  fault('headers that stall', '/stall/headers', 'hangs before headers'),
  fault('a body that stalls', '/stall/body', 'hangs in body'),
  fault('a body that stalls before its first byte', '/stall/body?bytes=0', 'hangs in body'),
  fault('headers that drip', '/drip/headers', 'response', { bytes: 2 }),
  fault('a body that drips', '/drip/body', 'response', { bytes: 100 }),
  fault('an error body that never ends', '/endless', 'hangs in body', { status: 503 }),
  fault('an event stream', '/sse', 'response'),
  fault('an event stream that stalls', '/sse?then=stall', 'hangs in body'),
  fault('an event stream of nothing but heartbeats', '/sse?events=0&then=heartbeat', 'hangs in body'),
  fault('an event stream that is reset', '/sse?then=reset', 'error in body', reset),
  fault('an event stream that is reset within an event', '/feed?cut=3&gap=20', 'error in body', reset),
  fault('an event stream cut by a FIN', '/sse?then=fin', 'error in body', fin),

  fault('an upload that stalls', '/stall/upload', 'hangs before headers', large),
  fault('an early response to an upload', '/early', 'response', { status: 413, ...large }),
  fault('a reset amid the upload', '/reset/amid-request', 'error', { ...parted, ...reset }),
  fault('a FIN amid the upload', '/fin/amid-request', 'error', { ...parted, ...fin }),

  fault('fewer bytes than announced', '/length/short', 'error in body', { bytes: 1000, ...fin }),
  fault('more bytes than announced', '/length/long', 'response', { bytes: 1000 }),
  fault('a chunk with a bad size', '/chunks/bad-size', 'error in body'),
  fault('chunks without an end', '/chunks/no-end', 'error in body', fin),
  fault('a good gzip body', '/gzip/ok', 'response', { bytes: 50_000 }),
  fault('a truncated gzip body', '/gzip/truncated', 'silently short', { bytes: 50_000 }),
  fault('a corrupt gzip body', '/gzip/corrupt', 'error in body', { bytes: 50_000, cause: 'Z_DATA_ERROR' }),
  fault('a gzip body with a wrong checksum', '/gzip/bad-checksum', 'error in body', {
    bytes: 50_000,
    chromium: 'response',
    cause: 'Z_DATA_ERROR',
  }),
  fault('a body that is not gzip', '/gzip/garbage', 'error in body', { cause: 'Z_DATA_ERROR' }),

  fault('garbage instead of HTTP', '/garbage', 'error'),
  fault('1,000 headers', '/headers/many', 'response'),
  fault('headers of 32 kB', '/headers/huge?bytes=32768', 'error', {
    cause: 'UND_ERR_HEADERS_OVERFLOW',
    chromium: 'response',
  }),
  fault('headers of 512 kB', '/headers/huge', 'error', { cause: 'UND_ERR_HEADERS_OVERFLOW' }),
  fault('a storm of interim responses', '/informational', 'response'),
];

/** The outcome in Chromium is that in Node unless `more` has another. */
function fault(name: string, path: string, node: Kind, more: Partial<Fault> = {}): Fault {
  return { name, path, node, chromium: node, ...more };
}
