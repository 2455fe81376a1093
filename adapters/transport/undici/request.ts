/** What the caller asks for, and the headers that a fetch adds to it. */
import type { AbortSource } from '../../../src/core/engine/lazy-abort.ts';
import { isUntouched, LazyGet, lazyGet, toRequest, type RequestLike } from '../../../src/core/engine/lazy-request.ts';
import { abortSource } from '../../../src/core/engine/transport-protocol.ts';
import { acceptEncoding } from './decode.ts';

/** Members that leave a Request as it is. */
const besides: ReadonlySet<string> = new Set([
  'signal',
  'referrer',
  'referrerPolicy',
  'priority',
  'dispatcher',
  'window',
]);

/** The signal stays outside: a Request that follows one costs several times the rest of it. */
export function askedOf(input: RequestLike | string | URL, init: RequestInit = {}): RequestLike {
  if (init.signal != null && !(init.signal instanceof AbortSignal)) return new Request(wholeOf(input), init); // the platform's complaint
  if (staysAsItIs(init)) {
    const plain = isUntouched(input) ? input : lazyGet(input);
    if (plain !== undefined) return plain;
    // As a new Request would say.
    if (input instanceof Request) return input.bodyUsed || input.body?.locked === true ? new Request(input) : input;
  }
  const { signal: _, ...others } = init;
  return new Request(wholeOf(input), others);
}

function wholeOf(input: RequestLike | string | URL): RequestInfo | URL {
  return input instanceof LazyGet ? input.request : input;
}

function staysAsItIs(init: RequestInit): boolean {
  for (const name in init) if (!besides.has(name)) return false;
  return true;
}

/** What ends the call: what kyoa's own faces give, or a signal. */
export function sourceOf(
  input: RequestLike | string | URL,
  init: RequestInit & { readonly [abortSource]?: AbortSource } = {},
): AbortSource | null | undefined {
  return init[abortSource] ?? (init.signal !== undefined || !(input instanceof Request) ? init.signal : input.signal);
}

const plainHeaders = ['accept', '*/*', 'accept-encoding', acceptEncoding, 'user-agent', 'node'];

/** Names and values by turns. */
export function headersOf(asked: RequestLike): readonly string[] {
  if (isUntouched(asked)) return plainHeaders;
  const request = toRequest(asked);
  const list: string[] = [];
  let [accept, encoding, agent, range, conditional, control, pragma] = [
    false,
    false,
    false,
    false,
    false,
    false,
    false,
  ];
  request.headers.forEach((value, name) => {
    list.push(name, value);
    if (name === 'accept') accept = true;
    else if (name === 'accept-encoding') encoding = true;
    else if (name === 'user-agent') agent = true;
    else if (name === 'range') range = true;
    else if (name === 'cache-control') control = true;
    else if (name === 'pragma') pragma = true;
    else if (name.startsWith('if-')) conditional = true;
  });
  if (!accept) list.push('accept', '*/*');
  if (!encoding) list.push('accept-encoding', range ? 'identity' : acceptEncoding);
  if (!agent) list.push('user-agent', 'node');
  const cache = request.cache === 'default' && conditional ? 'no-store' : request.cache;
  if (cache === 'no-cache' && !control) list.push('cache-control', 'max-age=0');
  if (cache === 'no-store' || cache === 'reload') {
    if (!pragma) list.push('pragma', 'no-cache');
    if (!control) list.push('cache-control', 'no-cache');
  }
  return list;
}

/** Ports of services that are not of the web (Fetch Standard, port blocking). */
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
