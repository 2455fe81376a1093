/** A policy document at a URL, read again at an interval. */
import { duration, knownKeys } from '../../src/core/options.ts';
import type { PolicySource } from '../../src/policy/source.ts';
import { lookingAgain } from './polling.ts';
import { basicAuth, refused, requestLimit, serverAt, type SourceFetch } from './http-client.ts';

/**
 * The options of `url()`.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policy-sources.md#a-url
 */
export interface UrlOptions {
  /** The longest time between two reads, ms; up to a tenth of it is left out at random. @default 60_000 */
  readonly interval?: number | undefined;
  /** Headers of each request, such as `authorization`. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Sends the requests. @default the platform's fetch */
  readonly fetch?: SourceFetch | undefined;
}

/**
 * The policy document at a URL. It is read again at an interval, with the `ETag` and the `Last-Modified` of the last response,
 * so that a document that did not change is not sent again. Its `Cache-Control` has no effect. 404 and 410 mean that there is
 * no document. A request without a response for 10 s has failed; after a failure the pause grows from 1 s to the interval.
 * Credentials in the address become a header.
 *
 * @throws {KyoaError} `INVALID_OPTION`
 * @example
 * ```ts
 * import { policy } from 'kyoa/policy';
 * import { url } from 'kyoa/policy/sources';
 *
 * const live = policy([url('https://config.example.com/shop.json', { interval: 30_000 })]);
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policy-sources.md#a-url
 */
export function url(address: string, options: UrlOptions = {}): PolicySource {
  const { interval = 60_000, headers, fetch } = knownKeys('url', options, ['interval', 'headers', 'fetch']);
  duration('url interval', interval);
  const server = serverAt('url address', address, fetch);
  const own = { accept: 'application/json', ...(server.credentials && basicAuth(server.credentials)), ...headers };

  return lookingAgain(`url ${server.shown}`, interval, () => {
    let known: Record<string, string> = {};
    return async (report, signal) => {
      const received = await server.ask('', { headers: { ...own, ...known } }, requestLimit, signal);
      const { status, text } = received;
      if (status === 304) report.unchanged();
      else if (status === 404 || status === 410) {
        known = {};
        report.absent();
      } else if (status >= 200 && status < 300) {
        const etag = received.headers.get('etag');
        const modified = received.headers.get('last-modified');
        known = {
          ...(etag !== null && { 'if-none-match': etag }),
          ...(modified !== null && { 'if-modified-since': modified }),
        };
        report.document(text, etag ?? modified ?? undefined);
      } else throw refused(received);
      return interval * (1 - Math.random() / 10);
    };
  });
}
