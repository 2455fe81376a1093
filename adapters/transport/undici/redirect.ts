/** Redirects (Fetch Standard, HTTP-redirect fetch). */

/** What is sent, and where to. */
export interface Hop {
  /** Without a fragment, as a Response shows it. */
  readonly url: string;
  readonly fragment: string;
  readonly origin: string;
  /** Path and query. */
  readonly target: string;
  readonly method: string;
  /** Names, in lower case, and values by turns. */
  readonly headers: readonly string[];
  /** Whether the body goes along. */
  readonly hasBody: boolean;
}

/** The Fetch Standard's own limit. */
export const mostRedirects = 20;

const statuses: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
const ofBody = new Set(['content-encoding', 'content-language', 'content-location', 'content-type', 'content-length']);
const ofOrigin = new Set(['authorization', 'proxy-authorization', 'cookie', 'host']);

/** Where an answer leads, if anywhere. */
export function locationOf(status: number, location: string | string[] | undefined, from: Hop): URL | undefined {
  if (!statuses.has(status) || location === undefined) return undefined;
  // Sent as bytes, mostly of UTF-8, which a header shows as Latin-1.
  const text = Buffer.from(String(location), 'latin1').toString();
  const url = new URL(text, from.url);
  if (!isHttp(url.href)) throw new Error('redirected to a URL that is not of http or https');
  url.hash ||= from.fragment;
  return url;
}

export function isHttp(url: string): boolean {
  return url.startsWith('http:') || url.startsWith('https:');
}

/** Method and headers as the next hop may have them: no credentials for another origin, no body for a GET. */
export function follow(from: Hop, status: number, to: URL): Hop {
  const sameOrigin = from.origin === to.origin;
  if (!sameOrigin && (to.username !== '' || to.password !== '')) {
    throw new Error('redirected to another origin with credentials in the URL');
  }
  const becomesGet =
    ((status === 301 || status === 302) && from.method === 'POST') ||
    (status === 303 && from.method !== 'GET' && from.method !== 'HEAD');
  const dropped = new Set([...(becomesGet ? ofBody : []), ...(sameOrigin ? [] : ofOrigin)]);
  return hop(to.href, {
    method: becomesGet ? 'GET' : from.method,
    headers: from.headers.filter((_, at, all) => !dropped.has(all[at - (at % 2)]!)),
    hasBody: from.hasBody && !becomesGet,
  });
}

/** `url` as the platform writes it. */
export function hop(url: string, message: Pick<Hop, 'method' | 'headers' | 'hasBody'>): Hop {
  const hash = url.indexOf('#');
  const plain = hash < 0 ? url : url.slice(0, hash);
  const path = plain.indexOf('/', 'https://'.length);
  return {
    url: plain,
    fragment: hash < 0 ? '' : url.slice(hash),
    origin: plain.slice(0, path),
    target: plain.slice(path),
    ...message,
  };
}
