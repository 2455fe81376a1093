/** What a further response has of a body that has broken off (RFC 9110 §8.8, §14.4), and the reader of it. */
import { transientStatuses } from '../../core/engine/http-constants.ts';
import type { BodyReader } from '../../core/engine/transport-protocol.ts';
import { nothingMore } from '../../lib/body/relay.ts';
import type { Bytes } from '../../lib/body/streams.ts';
import { checkLength } from '../../lib/body/watched-body.ts';
import { httpDate } from '../../lib/header-times.ts';
import { noop } from '../../lib/noop.ts';

/** The clocks of one server may differ by it, ms (RFC 7232 §2.2.2; RFC 9110 names no number). */
const clockDifference = 60_000;

/**
 * The entity tag, or the date of the last change if there can have been no second change at that date (RFC 9110 §8.8.2.2).
 * The bytes of two responses with the same one belong together.
 */
export function strongValidator(headers: Headers): string | undefined {
  const tag = headers.get('etag');
  if (tag !== null) return tag.startsWith('"') ? tag : undefined;
  const changed = headers.get('last-modified');
  if (changed === null) return undefined;
  const time = (text: string | null): number => httpDate(text ?? '', Date.now()) ?? NaN;
  return time(headers.get('date')) - time(changed) >= clockDifference ? changed : undefined;
}

/** A part that continues the body, or a whole body whose beginning the reader has. */
interface Part {
  /** Where it begins in the whole body. */
  readonly start: number;
  /** The length of the whole body; 0 if it is unknown, or if the transport checks it. */
  readonly length: number;
}

/**
 * What a further response has. `first`: the headers of the last one that began with the first byte. `offset`: the bytes that
 * the reader has; `isKept`: they can be compared. `range`: the headers that have asked for a part. `unsuitable`: a part that
 * does not show where it belongs. `busy`: a further request may bring it.
 */
export function partOf(
  expectedStatus: number,
  first: Headers,
  { status, ok, headers }: Response,
  offset: number,
  isKept: boolean,
  range: Readonly<Record<string, string | undefined>> | undefined,
): Part | 'changed' | 'unsuitable' | 'busy' | 'refused' {
  const validator = strongValidator(first);
  if (status === expectedStatus) {
    const isSame = ['content-type', 'content-range'].every((name) => headers.get(name) === first.get(name));
    // Without a validator the bytes are kept, or there is no request.
    return isSame && (isKept || strongValidator(headers) === validator) ? { start: 0, length: 0 } : 'changed';
  }
  if (transientStatuses.includes(status)) return 'busy';
  if (status !== 206 && status !== 416) return ok ? 'changed' : 'refused';

  const field = /^bytes (?:(\d+)-(\d+)|\*)\/(\d+|\*)$/.exec(headers.get('content-range') ?? '');
  // After `If-Range`, the response need not have the validator: the server has compared it.
  const own = headers.get(first.has('etag') ? 'etag' : 'last-modified') ?? range?.['if-range'];
  if (range === undefined || field === null || own === undefined) return 'unsuitable';
  // NaN for what the field does not have.
  const [start, end, total] = field.slice(1).map(Number) as [number, number, number];
  const announced = Number(first.get('content-length'));
  const length = total || announced;
  if (own !== validator || length !== (announced || length)) return 'changed';
  if (status === 416) return length === offset ? { start: offset, length } : 'changed';

  const size = end - start + 1;
  const isConsistent = Number(headers.get('content-length') ?? size) === size && !headers.has('content-encoding');
  return isConsistent && start <= offset && offset <= end ? { start, length } : 'unsuitable';
}

/**
 * Reads what follows the first `offset` bytes. A body that ends before its `length` has broken off again. Resolves to
 * `changed` if the bytes before are not the `expected` ones. Calls `arrived` for each chunk of them.
 */
export async function restOf(
  response: Response,
  { start, length }: Part,
  offset: number,
  expected: Bytes | false | undefined,
  arrived: () => void,
): Promise<BodyReader | 'changed'> {
  // The body of a 416 is a message for people.
  const reader = (response.status !== 416 && response.body?.getReader()) || nothingMore;
  /** Of the next byte, in the whole body. */
  let position = start;
  let unread: Bytes | undefined;
  const read: BodyReader['read'] = async () => {
    const result = unread === undefined ? await reader.read() : { done: false as const, value: unread };
    unread = undefined;
    if (result.done) checkLength({ announced: length }, position);
    else position += result.value.byteLength;
    return result;
  };
  while (position < offset) {
    const from = position;
    const { done, value } = await read();
    if (done || (expected && value.some((byte, index) => byte !== (expected[from + index] ?? byte)))) {
      void reader.cancel().catch(noop);
      return 'changed';
    }
    arrived();
    if (position > offset) unread = value.subarray(offset - position);
  }
  position = offset;
  return { read, cancel: (reason) => reader.cancel(reason) };
}
