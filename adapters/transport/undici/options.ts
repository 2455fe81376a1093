/** The options of the transport, validated when it is created, and the settings that follow from them for one origin. */
import { count, duration, fn, invalid, knownKeys } from '../../../src/core/options.ts';

/** A limit in ms; `false` or `Infinity` for none. */
export type TransportLimit = number | false;

type Certificate = string | Uint8Array | readonly (string | Uint8Array)[];

/** Options of Node's `tls.connect`. The usual ones are named here; every other one is passed on. */
export interface TlsOptions {
  readonly ca?: Certificate;
  readonly cert?: Certificate;
  readonly key?: Certificate;
  readonly passphrase?: string;
  readonly rejectUnauthorized?: boolean;
  readonly servername?: string;
  readonly minVersion?: string;
  readonly [option: string]: unknown;
}

/** The present state of one origin. */
export interface OriginStats {
  /** Open connections. */
  readonly connected: number;
  /** Open connections that no request holds. */
  readonly free: number;
  /** Requests that have a connection which is not ready yet. */
  readonly pending: number;
  /** Requests on the wire, until the bodies of their responses have ended. */
  readonly running: number;
  /** Requests that wait for a connection. */
  readonly queued: number;
  /** The time for which the oldest request has held its connection, ms; 0 without a request. */
  readonly longestHold: number;
}

/** A report that an origin is under pressure. */
export interface Pressure extends OriginStats {
  readonly origin: string;
  /**
   * `running`: more than 80 % of `connections` are in use. `queued`: more than 10 requests wait for a connection.
   * `hold`: a request has held its connection for more than 30 s.
   */
  readonly reason: 'running' | 'queued' | 'hold';
}

/** The options that each origin may have its own values of. */
export interface OriginOptions {
  /** The most connections to one origin at a time; further requests wait. @default 1_024, Envoy's limit for a cluster */
  readonly connections?: number;
  /** Requests on one HTTP/1.1 connection at a time. With more than 1 a response waits for the one before it. @default 1 */
  readonly pipelining?: number;
  /**
   * How long an idle connection is kept if the server does not announce a time, ms; `false` to use each connection once.
   * @default 4_000, undici's
   */
  readonly keepAlive?: number | false;
  /** The limit for opening a connection, TLS and proxy included. @default 5_000 */
  readonly connect?: TransportLimit;
  /** The limit from the end of the request to the headers of the response. @default 10_000 */
  readonly headers?: TransportLimit;
  /** The longest silence of the server while the response body is read. @default 10_000 */
  readonly body?: TransportLimit;
  /** The limit for each 64 KB of the request body to be taken by the server. @default 5_000 */
  readonly write?: TransportLimit;
  /** Whether HTTP/2 is offered to https origins. @default true */
  readonly http2?: boolean;
  /** Certificates and other options for https origins. */
  readonly tls?: TlsOptions;
  /** An HTTP proxy, as `http://user:password@proxy.example:3128`. https goes through it in a tunnel. @default none */
  readonly proxy?: string | URL | false;
}

export interface UndiciOptions extends OriginOptions {
  /** How long the addresses of a host are cached, ms; `false` to resolve them for each connection. @default 30_000, the JVM's */
  readonly dns?: number | false;
  /** Options for single origins, merged over the others: `{ 'https://slow.example': { headers: 20_000 } }`. */
  readonly origins?: Readonly<Record<string, OriginOptions>>;
  /** Called when an origin comes under pressure, once per episode. */
  readonly onPressure?: (pressure: Pressure) => void;
}

export interface Proxy {
  readonly origin: string;
  /** Headers of the requests to the proxy. */
  readonly headers: Readonly<Record<string, string>>;
  /** Whether the origin is reached through a tunnel. Plain http is sent to the proxy itself. */
  readonly tunnel: boolean;
}

/** The options of one origin with their defaults. A limit of `false` is Infinity. */
export interface OriginSettings {
  readonly connections: number;
  readonly pipelining: number;
  /** 0 to use each connection once. */
  readonly keepAlive: number;
  readonly connect: number;
  readonly headers: number;
  readonly body: number;
  readonly write: number;
  readonly http2: boolean;
  readonly tls: TlsOptions;
  readonly proxy: Proxy | undefined;
}

export interface Settings {
  /** 0 for no cache. */
  readonly dns: number;
  readonly onPressure: ((pressure: Pressure) => void) | undefined;
  forOrigin(origin: string): OriginSettings;
}

const originOptions = [
  'connections',
  'pipelining',
  'keepAlive',
  'connect',
  'headers',
  'body',
  'write',
  'http2',
  'tls',
  'proxy',
];

export function parseOptions(options: UndiciOptions): Settings {
  knownKeys('undici', options, [...originOptions, 'dns', 'origins', 'onPressure']);
  const { dns = 30_000, origins = {}, onPressure } = options;
  parseOrigin('undici', options, 'https://any.example');
  const overrides = new Map<string, OriginOptions>();
  for (const [origin, own] of Object.entries(origins)) {
    const name = `undici origins[${JSON.stringify(origin)}]`;
    if (!URL.canParse(origin) || new URL(origin).origin !== origin) {
      throw invalid('undici origins', origin, 'origins like https://api.example.com, without a path');
    }
    parseOrigin(name, knownKeys(name, own, originOptions), origin);
    overrides.set(origin, own);
  }
  return {
    dns: limit('undici dns', dns, 0),
    onPressure: onPressure && fn('undici onPressure', onPressure),
    forOrigin: (origin) => parseOrigin('undici', { ...options, ...overrides.get(origin) }, origin),
  };
}

function parseOrigin(name: string, options: OriginOptions, origin: string): OriginSettings {
  const { http2 = true, tls = {} } = options;
  if (typeof http2 !== 'boolean') throw invalid(`${name} http2`, http2, 'true or false');
  if (typeof tls !== 'object' || tls === null)
    throw invalid(`${name} tls`, tls, 'an object with options of tls.connect');
  return {
    connections: count(`${name} connections`, options.connections ?? 1_024, 1),
    pipelining: finite(`${name} pipelining`, count(`${name} pipelining`, options.pipelining ?? 1, 1)),
    keepAlive: limit(`${name} keepAlive`, options.keepAlive ?? 4_000, 0),
    connect: limit(`${name} connect`, options.connect ?? 5_000),
    headers: limit(`${name} headers`, options.headers ?? 10_000),
    body: limit(`${name} body`, options.body ?? 10_000),
    write: limit(`${name} write`, options.write ?? 5_000),
    http2,
    tls,
    proxy: options.proxy ? proxyFor(`${name} proxy`, options.proxy, origin) : undefined,
  };
}

function limit(name: string, value: number | false, none = Infinity): number {
  return value === false ? none : duration(name, value);
}

function finite(name: string, value: number): number {
  if (value !== Infinity) return value;
  throw invalid(name, value, 'a number that is not Infinity');
}

function proxyFor(name: string, given: string | URL, origin: string): Proxy {
  const url = URL.canParse(given) ? new URL(given) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw invalid(name, 'something else', 'the URL of an HTTP proxy'); // the value is not shown: it may contain a password
  }
  const user = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  const authorization = url.username && `Basic ${Buffer.from(user).toString('base64')}`;
  return {
    origin: url.origin,
    headers: authorization ? { 'proxy-authorization': authorization } : {},
    tunnel: origin.startsWith('https:'),
  };
}
