/** Subresource Integrity: whether a body is the one whose digest the caller gave. */
import { createHash } from 'node:crypto';

/** Weakest first. */
const algorithms = ['sha256', 'sha384', 'sha512'];

/**
 * Whether the body has one of the digests of the strongest algorithm in `metadata`. Metadata without a known algorithm
 * matches every body (Subresource Integrity, "Do bytes match metadataList?").
 */
export function matchesIntegrity(metadata: unknown, body: Uint8Array): boolean {
  const expected = String(metadata)
    .split(/\s+/)
    .flatMap((item) => {
      const [, algorithm, digest] = /^(sha256|sha384|sha512)-([^?]*)/i.exec(item) ?? [];
      return digest === undefined ? [] : [{ algorithm: algorithm!.toLowerCase(), digest }];
    });
  const strongest = algorithms.findLast((name) => expected.some(({ algorithm }) => algorithm === name));
  if (strongest === undefined) return true;
  const actual = createHash(strongest).update(body).digest('base64url');
  return expected.some(({ algorithm, digest }) => algorithm === strongest && toBase64Url(digest) === actual);
}

function toBase64Url(digest: string): string {
  return digest.replace(/\+/g, '-').replace(/\//g, '_').replace(/=*$/, '');
}
