/** One request as it goes over the network: its URL in parts, and the headers that fetch adds. */
import type { RequestLike } from '../../../src/core/engine/lazy-request.ts';
import { acceptEncoding } from './content-encoding.ts';

/** The first request of a call, or one that follows a redirect. */
export interface NetworkRequest {
  /** Without its fragment, as `Response.url` has it. */
  readonly url: string;
  readonly fragment: string;
  readonly origin: string;
  /** Path and query. */
  readonly path: string;
  readonly method: string;
  /** Names, in lower case, and values alternate. */
  readonly headers: readonly string[];
  readonly hasBody: boolean;
}

/** `url` must be in the form in which the platform's parser writes it. */
export function networkRequest(
  url: string,
  message: Pick<NetworkRequest, 'method' | 'headers' | 'hasBody'>,
): NetworkRequest {
  const hash = url.indexOf('#');
  const plain = hash < 0 ? url : url.slice(0, hash);
  const path = plain.indexOf('/', 'https://'.length);
  return {
    url: plain,
    fragment: hash < 0 ? '' : url.slice(hash),
    origin: plain.slice(0, path),
    path: plain.slice(path),
    ...message,
  };
}

export function isHttp(url: string): boolean {
  return url.startsWith('http:') || url.startsWith('https:');
}

/** The caller's headers and those that fetch adds (Fetch Standard, HTTP-network-or-cache fetch). Names and values alternate. */
export function requestHeaders(request: RequestLike): readonly string[] {
  const list: string[] = [];
  let [accept, encoding, agent, range, conditional, control, pragma, type] = Array<boolean>(8).fill(false);
  request.headers.forEach((value, name) => {
    list.push(name, value);
    if (name === 'accept') accept = true;
    else if (name === 'accept-encoding') encoding = true;
    else if (name === 'user-agent') agent = true;
    else if (name === 'range') range = true;
    else if (name === 'cache-control') control = true;
    else if (name === 'pragma') pragma = true;
    else if (name === 'content-type') type = true;
    else if (name.startsWith('if-')) conditional = true;
  });
  if (!accept) list.push('accept', '*/*');
  if (!encoding) list.push('accept-encoding', range ? 'identity' : acceptEncoding);
  if (!agent) list.push('user-agent', 'node');
  const bodyType = type || request.body === null ? null : request.header('content-type');
  if (bodyType !== null) list.push('content-type', bodyType);
  const { cache = conditional ? 'no-store' : 'default' } = request.members;
  if (cache === 'no-cache' && !control) list.push('cache-control', 'max-age=0');
  if (cache === 'no-store' || cache === 'reload') {
    if (!pragma) list.push('pragma', 'no-cache');
    if (!control) list.push('cache-control', 'no-cache');
  }
  return list;
}

/** Ports of other services than HTTP, which fetch refuses (Fetch Standard, port blocking). */
const badPorts: ReadonlySet<string> = new Set(
  (
    '0 1 7 9 11 13 15 17 19 20 21 22 23 25 37 42 43 53 69 77 79 87 95 101 102 103 104 109 110 111 113 115 117 119 123 ' +
    '135 137 139 143 161 179 389 427 465 512 513 514 515 526 530 531 532 540 548 554 556 563 587 601 636 989 990 993 ' +
    '995 1719 1720 1723 2049 3659 4045 4190 5060 5061 6000 6566 6665 6666 6667 6668 6669 6679 6697 10080'
  ).split(' '),
);

export function refuseBadPort(origin: string): void {
  const port = /:(\d+)$/.exec(origin)?.[1];
  if (port !== undefined && badPorts.has(port)) throw new TypeError('fetch failed', { cause: new Error('bad port') });
}
