/** The proxy of an origin: the one of the options, or of the environment. */
import { defined, invalid, knownKeys } from '../../../src/core/options.ts';
import { tlsOf, type TlsOptions } from './tls-options.ts';

/**
 * An HTTP proxy with more than a URL.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/transports.md#options
 */
export interface ProxyOptions {
  /** `http://user:password@proxy.example:3128`, or an https URL. */
  readonly url: string | URL;
  /** Headers for the proxy alone: `{ 'proxy-authorization': 'Bearer ...' }`. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Certificates and other options for the connection to an https proxy. */
  readonly tls?: TlsOptions | undefined;
}

/**
 * An HTTP proxy, or `'env'` for the one that `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` name.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/transports.md#options
 */
export type ProxyOption = string | URL | ProxyOptions | false;

export interface Proxy {
  /** Without the credentials. */
  readonly origin: string;
  /** Headers of the requests to the proxy. */
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: TlsOptions;
  /** Whether the origin is reached through a tunnel. Plain http is sent to the proxy itself. */
  readonly tunnel: boolean;
}

export function parseProxy(name: string, given: ProxyOption | undefined, origin: string): Proxy | undefined {
  if (given === 'env') return fromEnvironment(name, origin);
  if (given === undefined || given === false) return undefined;
  const isUrl = typeof given === 'string' || given instanceof URL;
  const {
    url: text,
    headers = {},
    tls = {},
  } = isUrl ? { url: given } : knownKeys(name, given, ['url', 'headers', 'tls']);
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) throw notProxy(name);
  return {
    origin: url.origin,
    headers: headersOf(name, headers, url),
    tls: tlsOf(name, tls),
    tunnel: origin.startsWith('https:'),
  };
}

/** Names of headers are compared without case: `Proxy-Authorization` takes the place of the credentials of the URL. */
function headersOf(name: string, given: ProxyOptions['headers'], url: URL): Record<string, string> {
  const headers = validHeaders(given);
  // The value is not shown: it may contain a password.
  if (headers === undefined)
    throw invalid(`${name} headers`, 'something else', "an object like { 'proxy-authorization': 'Bearer ...' }");
  const basic = basicAuthorization(name, url);
  if (basic !== undefined && !headers.has('proxy-authorization')) headers.set('proxy-authorization', basic);
  return Object.fromEntries(headers);
}

function validHeaders(given: unknown): Headers | undefined {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) return undefined;
  try {
    return new Headers(defined(given) as Record<string, string>);
  } catch {
    return undefined;
  }
}

/** The value is not shown: it may contain a password. */
function notProxy(name: string): Error {
  return invalid(name, 'something else', "the URL of an HTTP proxy like http://proxy.example:3128, or 'env'");
}

function basicAuthorization(name: string, { username, password }: URL): string | undefined {
  if (username === '' && password === '') return undefined;
  try {
    const user = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
    return `Basic ${Buffer.from(user).toString('base64')}`;
  } catch {
    throw notProxy(name); // a percent sign that is not encoded
  }
}

/** As the global fetch of Node does with NODE_USE_ENV_PROXY: lower case first, and HTTP_PROXY for https as well. */
function fromEnvironment(name: string, origin: string): Proxy | undefined {
  const variable = (...names: string[]): string => names.map((each) => process.env[each]).find(Boolean) ?? '';
  const http = variable('http_proxy', 'HTTP_PROXY');
  const url = origin.startsWith('https:') ? variable('https_proxy', 'HTTPS_PROXY') || http : http;
  if (url === '' || isExcluded(origin, variable('no_proxy', 'NO_PROXY'))) return undefined;
  // Programs accept `proxy.example:3128` there.
  return parseProxy(`${name} of the environment`, url.includes('://') ? url : `http://${url}`, origin);
}

/** `example.com` and `.example.com` exclude the domain and its subdomains, `*.example.com` the subdomains, `*` all. */
function isExcluded(origin: string, noProxy: string): boolean {
  const url = new URL(origin);
  const host = hostname(url.hostname);
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  return noProxy
    .toLowerCase()
    .split(/[,\s]+/)
    .filter((entry) => entry !== '')
    .some((entry) => {
      const [, name = '', entryPort] = /^(\[.*\]|[^:]*|.*:.*:.*?)(?::(\d+))?$/.exec(entry) ?? [];
      if (entryPort !== undefined && entryPort !== port) return false;
      if (name === '*') return true;
      const domain = hostname(name.replace(/^\*?\./, ''));
      return (host === domain && !name.startsWith('*.')) || host.endsWith(`.${domain}`);
    });
}

/** As the URL parser writes it, without a final dot: `2001:DB8:0::1` and `2001:db8::1` are one address. */
function hostname(name: string): string {
  const host = name.includes(':') && !name.startsWith('[') ? `[${name}]` : name;
  return (URL.parse(`http://${host}`)?.hostname ?? name).replace(/\.$/, '');
}
