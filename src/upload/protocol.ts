/** What the two protocols have in common: an upload resource with an offset, which requests create, ask for and append to. */

/**
 * The name of a protocol: `'draft'` is draft-ietf-httpbis-resumable-upload, `'tus'` is tus 1.0.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/uploads.md
 */
export type ProtocolName = 'draft' | 'tus';

export interface Protocol {
  readonly name: ProtocolName;
  /** The headers of every request. */
  readonly headers: Readonly<Record<string, string>>;
  /** The headers of the request that creates the upload resource. It has no body. */
  creation(blob: Blob, metadata: Metadata): Readonly<Record<string, string>>;
  /** The headers of a request that appends the bytes from `offset` on. */
  append(offset: number, isLast: boolean): Readonly<Record<string, string>>;
  /** Whether the upload is complete after a response, by what the response says; `undefined` if it says nothing. */
  isComplete(response: Response): boolean | undefined;
  /** Whether an upload all of whose bytes have arrived is complete only after a request that says so. */
  readonly hasLastRequest: boolean;
}

export type Metadata = Readonly<Record<string, string>>;

/** The limits that a server has announced, bytes. */
export interface Limits {
  readonly maxSize?: number | undefined;
  readonly minSize?: number | undefined;
  readonly maxAppend?: number | undefined;
  readonly minAppend?: number | undefined;
}

/** A header with a whole number of bytes; `undefined` for any other value. */
export function bytesIn(response: Response, header: string): number | undefined {
  const value = response.headers.get(header);
  return value !== null && /^\d{1,15}$/.test(value.trim()) ? Number(value) : undefined;
}
