/** Redirects (Fetch Standard, HTTP-redirect fetch). */
import { isHttp, networkRequest, type NetworkRequest } from './network-request.ts';

/** The limit of the Fetch Standard. */
export const maxRedirects = 20;

const statuses: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
const bodyHeaders = ['content-encoding', 'content-language', 'content-location', 'content-type', 'content-length'];
const originHeaders = ['authorization', 'proxy-authorization', 'cookie', 'host'];

export function isRedirect(status: number): boolean {
  return statuses.has(status);
}

/** The URL that a response redirects to; undefined if the response is not a redirect. */
export function redirectUrl(
  status: number,
  location: string | string[] | undefined,
  from: NetworkRequest,
): URL | undefined {
  if (!isRedirect(status) || location === undefined) return undefined;
  // Servers send the bytes of UTF-8, which a header exposes as Latin-1.
  const text = Buffer.from(String(location), 'latin1').toString();
  const url = new URL(text, from.url);
  if (!isHttp(url.href)) throw new Error('redirected to a URL that is not of http or https');
  url.hash ||= from.fragment;
  return url;
}

/** The next request: without credentials if its origin differs, and without the body if it becomes a GET. */
export function followRedirect(from: NetworkRequest, status: number, to: URL): NetworkRequest {
  const sameOrigin = from.origin === to.origin;
  if (!sameOrigin && (to.username !== '' || to.password !== '')) {
    throw new Error('redirected to another origin with credentials in the URL');
  }
  const becomesGet =
    ((status === 301 || status === 302) && from.method === 'POST') ||
    (status === 303 && from.method !== 'GET' && from.method !== 'HEAD');
  const dropped = new Set([...(becomesGet ? bodyHeaders : []), ...(sameOrigin ? [] : originHeaders)]);
  return networkRequest(to.href, {
    method: becomesGet ? 'GET' : from.method,
    headers: from.headers.filter((_, at, all) => !dropped.has(all[at - (at % 2)]!)),
    hasBody: from.hasBody && !becomesGet,
  });
}
