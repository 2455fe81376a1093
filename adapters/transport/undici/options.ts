/** The options of the transport, validated when it is created, and the settings that follow from them for one origin. */
import { count, defined, duration, fn, invalid, knownKeys } from '../../../src/core/options.ts';
import { parseProxy, type Proxy, type ProxyOption } from './proxy.ts';
import { tlsOf, type TlsOptions } from './tls-options.ts';

/**
 * A limit in ms; `false` or `Infinity` for none.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/transports.md#options
 */
export type TransportLimit = number | false;

/**
 * The present state of one origin.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/transports.md
 */
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

/**
 * A report that an origin is under pressure.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/transports.md
 */
export interface Pressure extends OriginStats {
  readonly origin: string;
  /**
   * `running`: more than 80 % of `connections` are in use. `queued`: more than 10 requests wait for a connection.
   * `hold`: a request has held its connection for more than 30 s.
   */
  readonly reason: 'running' | 'queued' | 'hold';
}

/**
 * The options that each origin may have its own values of.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/transports.md#options
 */
export interface OriginOptions {
  /** The most connections to one origin at a time; further requests wait. @default 1_024, Envoy's limit for a cluster */
  readonly connections?: number | undefined;
  /** Requests on one HTTP/1.1 connection at a time. With more than 1 a response waits for the one before it. @default 1 */
  readonly pipelining?: number | undefined;
  /**
   * How long an idle connection is kept if the server does not announce a time, ms; `false` to use each connection once.
   * @default 4_000, undici's
   */
  readonly keepAlive?: number | false | undefined;
  /** The limit for opening a connection, TLS and proxy included. @default 5_000 */
  readonly connect?: TransportLimit | undefined;
  /** The limit from the end of the request to the headers of the response. @default 10_000 */
  readonly headers?: TransportLimit | undefined;
  /** The longest silence of the server while the response body is read. @default 10_000 */
  readonly body?: TransportLimit | undefined;
  /** The limit for each 64 KB of the request body to be taken by the server. @default 5_000 */
  readonly write?: TransportLimit | undefined;
  /** The most bytes of a response body, after decoding. A longer one fails with `BODY_TOO_LARGE`. @default false */
  readonly maxBody?: number | false | undefined;
  /** Whether HTTP/2 is offered to https origins. @default true */
  readonly http2?: boolean | undefined;
  /** Certificates and other options for https origins. */
  readonly tls?: TlsOptions | undefined;
  /**
   * An HTTP proxy: `http://user:password@proxy.example:3128`, `{ url, headers, tls }`, or `'env'` for the one that
   * `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` name. https goes through it in a tunnel. @default none
   */
  readonly proxy?: ProxyOption | undefined;
  /** The path of a Unix domain socket, or of a Windows pipe, on which the origin listens. @default none */
  readonly socketPath?: string | undefined;
}

/**
 * The options of `undici()`. Durations are in ms.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/transports.md#options
 */
export interface UndiciOptions extends OriginOptions {
  /** How long the addresses of a host are cached, ms; `false` to resolve them for each connection. @default 30_000, the JVM's */
  readonly dns?: number | false | undefined;
  /** Options for single origins, merged over the others: `{ 'https://slow.example': { headers: 20_000 } }`. */
  readonly origins?: Readonly<Record<string, OriginOptions>> | undefined;
  /** Called when an origin comes under pressure, once per episode. */
  readonly onPressure?: ((pressure: Pressure) => void) | undefined;
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
  readonly maxBody: number;
  readonly http2: boolean;
  readonly tls: TlsOptions;
  readonly proxy: Proxy | undefined;
  readonly socketPath: string | undefined;
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
  'maxBody',
  'http2',
  'tls',
  'proxy',
  'socketPath',
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
    forOrigin: (origin) => parseOrigin('undici', { ...options, ...defined(overrides.get(origin) ?? {}) }, origin),
  };
}

function parseOrigin(name: string, options: OriginOptions, origin: string): OriginSettings {
  const { http2 = true, tls = {}, socketPath } = options;
  if (typeof http2 !== 'boolean') throw invalid(`${name} http2`, http2, 'true or false');
  if (socketPath !== undefined && (typeof socketPath !== 'string' || socketPath === ''))
    throw invalid(`${name} socketPath`, socketPath, 'the path of a socket');
  // A socket of this machine is reached without the proxy of all other origins.
  const proxy = socketPath === undefined ? parseProxy(`${name} proxy`, options.proxy, origin) : undefined;
  return {
    connections: count(`${name} connections`, options.connections ?? 1_024, 1),
    pipelining: finite(`${name} pipelining`, count(`${name} pipelining`, options.pipelining ?? 1, 1)),
    keepAlive: limit(`${name} keepAlive`, options.keepAlive ?? 4_000, 0),
    connect: limit(`${name} connect`, options.connect ?? 5_000),
    headers: limit(`${name} headers`, options.headers ?? 10_000),
    body: limit(`${name} body`, options.body ?? 10_000),
    write: limit(`${name} write`, options.write ?? 5_000),
    maxBody: count(`${name} maxBody`, options.maxBody === false ? Infinity : (options.maxBody ?? Infinity), 1),
    http2: http2 && proxy?.tunnel !== false, // a proxy gets the whole URL, which HTTP/2 has no place for
    tls: tlsOf(name, tls),
    proxy,
    socketPath,
  };
}

function limit(name: string, value: number | false, none = Infinity): number {
  return value === false ? none : duration(name, value);
}

function finite(name: string, value: number): number {
  if (value !== Infinity) return value;
  throw invalid(name, value, 'a number that is not Infinity');
}
