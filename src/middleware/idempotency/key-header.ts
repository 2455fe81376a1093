/** The Idempotency-Key on the wire: bare, as most servers take it, or a Structured Field String, as the IETF draft says. */
import { invalid } from '../../core/options.ts';

export type KeyFormat = 'bare' | 'structured';

/** Both forms are understood, whoever sends them; `undefined` when the header is not there. */
export function readKey(header: string | null): string | undefined {
  const value = header?.trim();
  // A Structured Field may have parameters, which mean nothing here.
  const quoted = /^"((?:[^"\\]|\\["\\])*)"\s*(;.*)?$/.exec(value ?? '')?.[1];
  return quoted === undefined ? value : quoted.replace(/\\(["\\])/g, '$1');
}

/** @throws {KyoaError} `INVALID_OPTION`, when the key cannot travel in a header (RFC 9651 §3.3.3: printable ASCII) */
export function writeKey(key: string, format: KeyFormat): string {
  if (!/^[\x20-\x7e]+$/.test(key) || key.trim() !== key) {
    throw invalid('requestId', key, 'printable ASCII without space at its ends, because it travels in a header');
  }
  return format === 'bare' ? key : `"${key.replace(/(["\\])/g, '\\$1')}"`;
}
