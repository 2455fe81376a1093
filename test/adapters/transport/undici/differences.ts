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
  'a reset of a kept-alive connection': { kind: 'answer', why: replayed },
  'a FIN on a kept-alive connection': { kind: 'answer', why: replayed },
};
