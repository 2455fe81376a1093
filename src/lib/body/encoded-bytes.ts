/** Bytes as text, for a storage. */
import type { Bytes } from './streams.ts';

/** The bytes as text if they are UTF-8, otherwise in base64. */
export type Encoded = { readonly text: string } | { readonly base64: string };

/** The bytes survive exactly. */
export function encode(bytes: Bytes): Encoded {
  try {
    // Without `fatal` and `ignoreBOM` the decoder would drop bytes, and the body would not survive exactly.
    return { text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes) };
  } catch {
    return { base64: toBase64(bytes) };
  }
}

interface Stored {
  readonly text?: string | undefined;
  readonly base64?: string | undefined;
}

/** `undefined` if there are neither text nor bytes. */
export function decode({ text, base64 }: Stored): Bytes | undefined {
  if (text !== undefined) return new TextEncoder().encode(text);
  return base64 === undefined ? undefined : fromBase64(base64);
}

/** `Uint8Array.prototype.toBase64` exists only in the browsers of 2025, and in Node since version 25. */
function toBase64(bytes: Bytes): string {
  let binary = '';
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}

function fromBase64(text: string): Bytes {
  const binary = atob(text);
  return new Uint8Array(binary.length).map((_, index) => binary.charCodeAt(index));
}
