/** The boundary of a multipart body. It is random: the same form has another one in each request. */
import type { Bytes } from './streams.ts';

/** `undefined` if it is the type of another body. */
export function boundaryOf(contentType: string | null | undefined): string | undefined {
  return /^multipart\/.*boundary="?([^";]+)/i.exec(contentType ?? '')?.[1];
}

/** latin1 maps each byte to one character, so that bytes that are no text stay distinct. */
export function withoutBoundary(bytes: Bytes | ArrayBuffer, boundary: string): string {
  return new TextDecoder('latin1').decode(bytes).replaceAll(boundary, '');
}
