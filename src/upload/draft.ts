/** draft-ietf-httpbis-resumable-upload, interop version 8 (git of July 2026). */
import type { Limits, Metadata, Protocol } from './protocol.ts';

/**
 * fetch does not show the interim response 104, by which a server may announce the upload resource. So the first request has
 * no content: its response has the URL (the draft's "careful upload creation").
 *
 * @see https://datatracker.ietf.org/doc/draft-ietf-httpbis-resumable-upload/
 */
export const draft: Protocol = {
  name: 'draft',
  headers: { 'upload-draft-interop-version': '8' },
  creation: ({ size, type }, _: Metadata) => ({
    'upload-complete': '?0',
    'upload-length': String(size),
    ...(type !== '' && { 'content-type': type }),
  }),
  append: (offset, isLast) => ({
    'content-type': 'application/partial-upload',
    'upload-complete': isLast ? '?1' : '?0',
    'upload-offset': String(offset),
  }),
  isComplete({ headers }) {
    const value = headers.get('upload-complete');
    return value === '?1' ? true : value === '?0' ? false : undefined;
  },
  hasLastRequest: true,
};

/** A member of a dictionary with its value and its parameters (RFC 9651 §3.2). */
const member =
  /\s*([a-z*][\w\-.*]*)(?:=(-?\d+(?:\.\d+)?|"(?:[^"\\]|\\.)*"|\?[01]|:[\w+/=]*:|[A-Za-z*][^\s,;"()]*|\([^)]*\)))?(?:;\s*[a-z*][\w\-.*]*(?:=(?:"(?:[^"\\]|\\.)*"|[^,;"]*))?)*\s*(?:,|$)/y;

const names: Readonly<Record<string, keyof Limits>> = {
  'max-size': 'maxSize',
  'min-size': 'minSize',
  'max-append-size': 'maxAppend',
  'min-append-size': 'minAppend',
};

/**
 * The limits in `Upload-Limit`. An unknown member is ignored. A member of another type than the draft's makes the whole header
 * be ignored, as one that is no dictionary does.
 */
export function limitsOf({ headers }: Response): Limits | undefined {
  const text = headers.get('upload-limit');
  if (text === null) return undefined;
  const limits: Partial<Record<keyof Limits, number>> = {};
  member.lastIndex = 0;
  while (member.lastIndex < text.length) {
    const [, key = '', value = ''] = member.exec(text) ?? [];
    if (key === '') return undefined;
    const name = names[key];
    if (name === undefined) continue;
    if (!/^\d{1,15}$/.test(value)) return undefined;
    limits[name] = Number(value);
  }
  return limits;
}
