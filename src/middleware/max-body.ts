/** Limits how many bytes the body of a response may have. Placed inside `retry` and the policies that keep bodies. */
import type { Middleware } from '../core/context.ts';
import { BodySizeError } from '../core/errors.ts';
import { asPolicy, policyOptions, positive, type PolicyOptions } from '../core/options.ts';
import { discard } from '../lib/body/discard.ts';
import { watchBody } from '../lib/body/watch.ts';

/**
 * The options of `maxBody()`.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/max-body.md#options
 */
export interface MaxBodyOptions {
  /** The most bytes of a body, after decompression. */
  readonly bytes: number;
}

export const maxBodyOptions: PolicyOptions<MaxBodyOptions> = /* @__PURE__ */ policyOptions(
  'maxBody',
  { bytes: [positive] },
  { scalar: 'bytes' },
);

/**
 * Limits how many bytes the body of a response may have: `maxBody(10_000_000)`. 16 kB from a server may be decompressed to
 * 500 MB in the memory of the caller. A body whose `Content-Length` is above the limit is refused with the headers, any
 * other one where it exceeds the limit; then its connection is closed.
 *
 * It counts what the caller reads, through a stream of its own, which takes about 9 kB of memory per call in Node. The option
 * `maxBody` of `undici()` counts in the transport and takes none. Event streams are counted, too: give a call that reads
 * one `maxBody: false`.
 *
 * Per call: `maxBody: bytes`, `maxBody: { bytes }` or `maxBody: false`.
 *
 * @throws {KyoaError} `INVALID_OPTION`. The call, or the read of the body, rejects with `BodySizeError` (`BODY_TOO_LARGE`),
 * which is not retried.
 * @example
 * ```ts
 * const fetch = createFetch({ use: [maxBody(10_000_000)] });
 * const text = await (await fetch('https://api.example.com/report', { maxBody: 1_000 })).text();
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/max-body.md
 */
export function maxBody(options: number | MaxBodyOptions): Middleware {
  const own = maxBodyOptions.parse(typeof options === 'object' ? options : { bytes: options });

  return asPolicy(options, async function maxBody(ctx, next) {
    const limit = maxBodyOptions.forCall(ctx, own)?.bytes;
    if (limit === undefined) return next();

    const work = ctx.child();
    const refuse = (): BodySizeError => {
      const error = new BodySizeError(limit, { request: ctx });
      ctx.emit({ type: 'max-body.exceeded', limit });
      work.abort(error);
      return error;
    };
    const response = await next({ signal: work });
    if (announcedLength(response) > limit) {
      const error = refuse();
      discard(response); // for a transport that ignores its signal
      throw error;
    }
    let length = 0;
    const fail = watchBody(response, {
      end() {},
      chunk(bytes) {
        length += bytes.byteLength;
        if (length > limit) fail(refuse());
      },
    });
    return response;
  });
}

/** 0 if the response has no body, or if the length of its content is not known. */
function announcedLength({ body, headers }: Response): number {
  return body === null || headers.has('content-encoding') ? 0 : Number(headers.get('content-length'));
}
