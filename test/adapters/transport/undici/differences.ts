/** The faults whose outcome differs between kyoa/undici and the global fetch, and why; docs/transports.md has the same list. */
import type { Kind } from '../../../support/faults.ts';

export interface Difference {
  readonly kind: Kind;
  readonly cause?: string;
  readonly why: string;
}

const replayed =
  'the request is sent once more on a new connection, as RFC 9110 §9.2.2 permits for an idempotent method';

/** The key is the name of the fault. */
export const differences: Readonly<Record<string, Difference>> = {
  'a reset amid a body of unknown length': {
    kind: 'error in body',
    cause: 'ECONNRESET',
    why: 'a reset does not complete a body (RFC 9112 §8): the body is short',
  },
  'a truncated gzip body': { kind: 'error in body', cause: 'Z_BUF_ERROR', why: 'the body is short' },
  'a reset of a kept-alive connection': { kind: 'response', why: replayed },
  'a FIN on a kept-alive connection': { kind: 'response', why: replayed },
};

/** The same over HTTP/2. */
export const http2Differences: Readonly<Record<string, Difference>> = {
  ...differences,
  'a FIN amid a body of unknown length': {
    kind: 'error in body',
    cause: 'UND_ERR_SOCKET',
    why: 'a stream has an end of its own (RFC 9113 §8.1): the body is short',
  },
  'more bytes than announced': {
    kind: 'error in body',
    cause: 'ERR_HTTP2_ERROR',
    why: 'a stream with another length is malformed (RFC 9113 §8.1.1)',
  },
  'a chunk with a bad size': {
    kind: 'error',
    cause: 'ERR_HTTP2_ERROR',
    why: 'HTTP/2 has no chunks: the bytes are no frame',
  },
  'headers of 32 kB': { kind: 'response', why: 'the limit of node:http2 is 64 kB' },
  'headers of 512 kB': { kind: 'error', cause: 'ERR_HTTP2_STREAM_ERROR', why: 'node:http2 resets the stream' },
};
