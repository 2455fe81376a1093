/** Text in a form that a store of UTF-8 returns unchanged. */

/**
 * UTF-8 cannot hold a lone surrogate, and `node:sqlite` of Node 22 returns a text only up to its first NUL. A text with
 * either is stored as JSON, which escapes both. A text that begins like such JSON is stored as JSON too.
 */
export function encodeText(text: string): string {
  return text.startsWith('"') || /[\0\p{Surrogate}]/u.test(text) ? JSON.stringify(text) : text;
}

/** `undefined` for what `encodeText` did not write. */
export function decodeText(stored: unknown): string | undefined {
  if (typeof stored !== 'string') return undefined;
  if (!stored.startsWith('"')) return stored;
  try {
    return JSON.parse(stored) as string;
  } catch {
    return undefined;
  }
}
