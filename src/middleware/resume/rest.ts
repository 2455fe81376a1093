/** What a further response has of a body that has broken off (RFC 9110 §8.8, §14.4), and the reader of it. */
import type { BodyReader } from '../../core/engine/transport-protocol.ts';
import type { Bytes } from '../../lib/body/streams.ts';
import { checkLength } from '../../lib/body/watched-body.ts';
import { httpDate } from '../../lib/header-times.ts';
import { noop } from '../../lib/noop.ts';

/** What identifies the version of which the reader has a part. */
export interface Representation {
  readonly status: number;
  readonly headers: Headers;
  /** The bytes of two responses with the same one belong together. */
  readonly validator: string | undefined;
  /** The length of the body, if it is known. */
  readonly length: number | undefined;
  readonly isEncoded: boolean;
}

export function representationOf(status: number, headers: Headers): Representation {
  const isEncoded = (headers.get('content-encoding') ?? 'identity') !== 'identity';
  const length = isEncoded ? null : headers.get('content-length');
  const validator = strongValidator(headers);
  return { status, headers, validator, length: length === null ? undefined : Number(length), isEncoded };
}

/** The clocks of one server may differ by it, ms (RFC 7232 §2.2.2; RFC 9110 names no number). */
const clockDifference = 60_000;

/** The entity tag, or the date of the last change if there can have been no second change at that date (RFC 9110 §8.8.2.2). */
function strongValidator(headers: Headers): string | undefined {
  const tag = headers.get('etag');
  if (tag !== null) return tag.startsWith('"') ? tag : undefined;
  const modified = headers.get('last-modified') ?? '';
  const [date, change] = [headers.get('date') ?? '', modified].map((text) => httpDate(text, Date.now()) ?? NaN);
  return date! - change! >= clockDifference ? modified : undefined;
}

/** A part that continues the body, or a whole body whose beginning the reader has. */
interface Part {
  /** How many bytes of it the reader already has. */
  readonly skip: number;
  /** The length of the whole body; 0 if it is unknown, or if the transport checks it. */
  readonly length: number;
  readonly isWhole?: true;
  /** It may be of another version: its beginning must be compared. */
  readonly isUnproved?: boolean;
}

/**
 * `unsuitable`: a part that does not show where it belongs. `offset`: the bytes that the reader has. `isConditional`: the server
 * has compared the validator itself, so that its response need not have it.
 */
export function partOf(
  first: Representation,
  { status, headers }: Response,
  offset: number,
  isConditional: boolean,
): Part | 'changed' | 'unsuitable' {
  if (status === first.status) {
    const isSame = ['content-type', 'content-range'].every((name) => headers.get(name) === first.headers.get(name));
    if (!isSame) return 'changed';
    const isProved = first.validator !== undefined && strongValidator(headers) === first.validator;
    return { skip: offset, length: 0, isWhole: true, isUnproved: offset > 0 && !isProved };
  }
  if (status !== 206 && status !== 416) return 'changed';

  const validator = headers.get(first.headers.has('etag') ? 'etag' : 'last-modified');
  if (validator === null ? !isConditional : first.validator === undefined) return 'unsuitable';
  if (validator !== null && validator !== first.validator) return 'changed';
  const range = /^bytes (?:(\d+)-(\d+)|\*)\/(\d+|\*)$/.exec(headers.get('content-range') ?? '');
  if (range === null) return 'unsuitable';
  // NaN for what the field does not have.
  const [start, end, total] = range.slice(1).map(Number) as [number, number, number];
  if (!Number.isNaN(total) && total !== (first.length ?? total)) return 'changed';
  if (status === 416) return total === offset ? { skip: 0, length: total } : 'changed';

  const length = headers.get('content-length');
  const isConsistent = length === null || Number(length) === end - start + 1;
  const isNext = start <= offset && offset <= end;
  if (!isConsistent || !isNext || headers.has('content-encoding')) return 'unsuitable';
  return { skip: offset - start, length: total || (first.length ?? 0) };
}

/** Reads a further response. A body that ends before `length` has broken off again. */
export class RestReader implements BodyReader {
  readonly #reader: BodyReader | undefined;
  readonly #length: number;
  /** Of the next byte, in the whole body. */
  #position: number;
  #unread: Bytes | undefined;

  constructor(response: Response, position: number, length: number) {
    this.#position = position;
    this.#length = length;
    // The body of a 416 is a message for people.
    if (response.status === 416) void response.body?.cancel().catch(noop);
    else this.#reader = response.body?.getReader();
  }

  async read(): Promise<ReadableStreamReadResult<Bytes>> {
    const value = this.#unread;
    this.#unread = undefined;
    const result = value ? { done: false as const, value } : await this.#reader?.read();
    if (result === undefined || result.done) {
      checkLength({ announced: this.#length }, this.#position);
      return { done: true, value: undefined };
    }
    this.#position += result.value.byteLength;
    return result;
  }

  async cancel(reason?: unknown): Promise<void> {
    await this.#reader?.cancel(reason);
  }

  /** Reads `count` bytes that the reader of the body already has. Resolves to whether they are the expected ones. */
  async skip(count: number, expected: Bytes | undefined, arrived: () => void): Promise<boolean> {
    for (let skipped = 0; skipped < count;) {
      const { done, value } = await this.read();
      if (done) return false;
      arrived();
      const known = value.subarray(0, count - skipped);
      const from = skipped;
      if (expected !== undefined && known.some((byte, index) => byte !== expected[from + index])) return false;
      skipped += known.byteLength;
      if (known.byteLength === value.byteLength) continue;
      this.#unread = value.subarray(known.byteLength);
      this.#position -= this.#unread.byteLength;
    }
    return true;
  }
}
