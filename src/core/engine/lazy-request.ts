/**
 * A GET of a URL and nothing else, before anybody has asked for its Request: most calls are one, and of all that such a
 * call is made of, policies and transports want the URL. A Request costs as much as a small policy.
 */
export class LazyGet {
  readonly url: string;
  #request: Request | undefined;

  constructor(url: string) {
    this.url = url;
  }

  /** Made when first asked for; whoever has it may add headers to it. */
  get request(): Request {
    return (this.#request ??= new Request(this.url));
  }

  /** Whether nobody has its Request yet. */
  get isUntouched(): boolean {
    return this.#request === undefined;
  }

  // What its Request would say.
  get method(): string {
    return 'GET';
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

/** What is asked for, whether or not there is a Request of it yet. */
export type RequestLike = Request | LazyGet;

export function toRequest(asked: RequestLike): Request {
  return asked instanceof LazyGet ? asked.request : asked;
}

export function isUntouched(asked: unknown): asked is LazyGet {
  return asked instanceof LazyGet && asked.isUntouched;
}

/** Of a whole URL without credentials; all else is for the constructor of Request, to resolve or to refuse. */
export function lazyGet(input: unknown): LazyGet | undefined {
  if (typeof input === 'string' && isAsParsed(input)) return new LazyGet(input);
  const url = typeof input === 'string' ? URL.parse(input) : input;
  if (!(url instanceof URL) || url.username !== '' || url.password !== '') return undefined;
  if (isHttp(url)) origin = url.origin;
  return new LazyGet(url.href);
}

/** The latest that the platform's parser has written; most programs have few, and to parse a URL costs some microseconds. */
let origin = '';

/** A path and query without dot segments and without what the parser would encode (WHATWG URL §1.3, §4.4). */
const asWritten = /^(\/([\w~!$&()*+,;=:@-][\w~!$&()*+,;=:@.-]*)?)+(\?[\w~!$&()*+,;=:@.%/?-]*)?$/;

/** Whether the parser would give it back as it is. */
function isAsParsed(url: string): boolean {
  return origin !== '' && url.startsWith(origin) && asWritten.test(url.slice(origin.length));
}

function isHttp({ protocol }: URL): boolean {
  return protocol === 'http:' || protocol === 'https:';
}
