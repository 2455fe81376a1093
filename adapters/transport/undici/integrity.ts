/** Subresource Integrity: whether a body is the one that was asked for. */
import { createHash } from 'node:crypto';

/** Weakest first. */
const algorithms = ['sha256', 'sha384', 'sha512'];

/** Of the digests in `metadata` the strongest algorithm's count, and one of them must match; without any, all is well. */
export function matches(metadata: string, body: Uint8Array): boolean {
  const asked = metadata.split(/\s+/).flatMap((item) => {
    const [, algorithm, digest] = /^(sha256|sha384|sha512)-([A-Za-z0-9+/_-]+={0,2})(?:\?.*)?$/i.exec(item) ?? [];
    return digest === undefined ? [] : [{ algorithm: algorithm!.toLowerCase(), digest }];
  });
  const strongest = algorithms.findLast((name) => asked.some(({ algorithm }) => algorithm === name));
  if (strongest === undefined) return true;
  const actual = createHash(strongest).update(body).digest();
  return asked.some(({ algorithm, digest }) => algorithm === strongest && Buffer.from(digest, 'base64').equals(actual));
}
