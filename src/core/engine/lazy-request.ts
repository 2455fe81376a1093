/** Requests that are created when they are first read. */

/**
 * A GET of a URL without an init. Most calls are one, and of such a call policies and transports read only method and
 * URL. Creating a Request costs as much as a small policy.
 */
export class LazyGet {
  readonly method = 'GET';
  readonly url: string;
  /** Whether no code has read the Request. */
  isUntouched = true;
  #request: Request | undefined;

  constructor(url: string) {
    this.url = url;
  }

  /** Created when it is first read. Code that has read it may add headers to it. */
  get request(): Request {
    this.isUntouched = false;
    return (this.#request ??= new Request(this.url));
  }

  get headers(): Headers {
    return this.request.headers;
  }
  get body(): null {
    return null;
  }
  get redirect(): RequestRedirect {
    return 'follow';
  }
  get integrity(): string {
    return '';
  }
}

/** A Request, or a LazyGet in its place. */
export type RequestLike = Request | LazyGet;

export function toRequest(request: RequestLike): Request {
  return request instanceof LazyGet ? request.request : request;
}

/** Whether it is a LazyGet whose Request has not been created. */
export function isUntouched(request: unknown): request is LazyGet {
  return request instanceof LazyGet && request.isUntouched;
}

/** `undefined` for anything but an absolute URL without credentials: the constructor of Request resolves or refuses that. */
export function lazyGet(input: unknown): LazyGet | undefined {
  if (typeof input === 'string' && isNormalized(input)) return new LazyGet(input);
  const url = typeof input === 'string' ? URL.parse(input) : input;
  if (!(url instanceof URL) || url.username !== '' || url.password !== '') return undefined;
  if (url.protocol === 'http:' || url.protocol === 'https:') lastOrigin = url.origin;
  return new LazyGet(url.href);
}

/** The last origin that the platform's parser has written. Most programs use few, and parsing a URL costs microseconds. */
let lastOrigin = '';

/** A path and query without dot segments and without characters that the parser would encode (WHATWG URL §1.3, §4.4). */
const normalizedPath = /^(\/([\w~!$&()*+,;=:@-][\w~!$&()*+,;=:@.-]*)?)+(\?[\w~!$&()*+,;=:@.%/?-]*)?$/;

/** Whether the parser would return the URL unchanged. */
function isNormalized(url: string): boolean {
  return lastOrigin !== '' && url.startsWith(lastOrigin) && normalizedPath.test(url.slice(lastOrigin.length));
}
