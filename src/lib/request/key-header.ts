/** The value of the Idempotency-Key header: bare, as most servers accept it, or a Structured Field String, as in the IETF draft. */
import { invalid } from '../../core/options.ts';

export type KeyFormat = 'bare' | 'structured';

/** Reads either form. `undefined` for a request without the header. */
export function readKey(header: string | null): string | undefined {
  const value = header?.trim();
  // The parameters of a Structured Field have no meaning here.
  const quoted = /^"((?:[^"\\]|\\["\\])*)"\s*(;.*)?$/.exec(value ?? '')?.[1];
  return quoted === undefined ? value : quoted.replace(/\\(["\\])/g, '$1');
}

/** @throws {KyoaError} `INVALID_OPTION`, if a header cannot carry the key (RFC 9651 §3.3.3: printable ASCII) */
export function writeKey(key: string, format: KeyFormat): string {
  if (!/^[\x20-\x7e]+$/.test(key) || key.trim() !== key) {
    throw invalid('requestId', key, 'printable ASCII without space at its ends, because it is sent in a header');
  }
  return format === 'bare' ? key : `"${key.replace(/(["\\])/g, '\\$1')}"`;
}
