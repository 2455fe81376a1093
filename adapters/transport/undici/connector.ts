/** Opens the sockets of an origin: within the `connect` limit, from cached addresses, through a proxy if there is one. */
import type { Socket } from 'node:net';

import { buildConnector, Client } from 'undici';

import { TimeoutError } from '../../../src/core/errors.ts';
import type { Lookup } from './dns-cache.ts';
import type { OriginSettings } from './options.ts';
import { PhaseTimer } from './phase-timer.ts';
import type { Proxy } from './proxy.ts';
import type { TlsOptions } from './tls-options.ts';

/** A socket that is being opened. */
export interface Opening {
  /** Closes it. The callback is not called any more. */
  destroy(): void;
}

export type Connector = (target: buildConnector.Options, callback: buildConnector.Callback) => Opening;

type SocketConnector = (target: buildConnector.Options, callback: buildConnector.Callback) => Socket;

export function connector(settings: OriginSettings, lookup: Lookup | undefined): Connector {
  const { connect: limit, http2: allowH2, tls, proxy, socketPath } = settings;
  // `timeout: 0` disables undici's own limit. The limit below includes the CONNECT request to a proxy.
  const build = (options: TlsOptions, allowH2: boolean): SocketConnector =>
    buildConnector({
      timeout: 0,
      ...(lookup && { lookup }),
      ...options,
      allowH2,
    } as buildConnector.BuildOptions) as never;
  const secured = proxy && build(proxy.tls, false);
  // undici takes the name in `host` for the one that the certificate must have, and `host` is the origin's.
  const toProxy: SocketConnector | undefined =
    secured && ((to, ...rest) => secured({ ...to, servername: '' }, ...rest));
  const toOrigin = build({ ...tls, ...(socketPath !== undefined && { socketPath }) }, allowH2);
  const connect = proxy?.tunnel === true ? tunnel(proxy, toProxy!, toOrigin) : (toProxy ?? toOrigin);

  return (target, callback) => {
    let settled = false;
    const settle: buildConnector.Callback = (...result) => {
      timer.stop();
      if (settled) result[1]?.destroy();
      else callback(...result);
      settled = true;
    };
    const timer = new PhaseTimer(limit, (elapsed) => {
      settle(new TimeoutError({ phase: 'connect', limit, elapsed }), null);
      opening.destroy();
    });
    timer.start();
    const opening = connect(target, settle);
    return {
      destroy() {
        timer.stop();
        settled = true;
        opening.destroy();
      },
    };
  };
}

/** Reaches the origin through a tunnel of an HTTP proxy (RFC 9110 §9.3.6), with TLS to the origin inside it. */
function tunnel(proxy: Proxy, toProxy: SocketConnector, toOrigin: SocketConnector): Connector {
  return (target, callback) => {
    /** The socket of the present step: to the proxy, then TLS to the origin. */
    let socket: Socket | undefined;
    // Each tunnel has its own client: the tunnel takes over the client's socket.
    const client = new Client(proxy.origin, { connect: (...to) => void (socket = toProxy(...to)), headersTimeout: 0 });
    const port = target.port || (target.protocol === 'https:' ? '443' : '80');
    const authority = `${target.hostname.includes(':') ? `[${target.hostname}]` : target.hostname}:${port}`;
    const headers = { host: authority, ...proxy.headers };
    client
      .connect({ path: authority, headers })
      .then(({ statusCode, socket: tunnelled }) => {
        if (statusCode >= 200 && statusCode < 300) {
          socket = toOrigin({ ...target, httpSocket: tunnelled as Socket }, callback);
          return;
        }
        tunnelled.on('error', () => {}).destroy();
        throw new ProxyRefusal(proxy.origin, authority, statusCode);
      })
      .catch((error: Error) => {
        // After an error with undici's own code the Client does not fail the request: it connects again, without end.
        callback(
          'code' in error && error.code === 'UND_ERR_SOCKET' ? new Error(error.message, { cause: error }) : error,
          null,
        );
      });
    return {
      destroy() {
        socket?.destroy();
        void client.destroy();
      },
    };
  };
}

/** `ECONNREFUSED`, which `retry` repeats, if the proxy could not reach the origin. A refusal such as 407 is final. */
class ProxyRefusal extends Error {
  readonly code: string;

  constructor(proxy: string, authority: string, status: number) {
    const fix = status === 407 ? ': it wants a user and a password in the URL of `proxy`, or others' : '';
    super(`The proxy ${proxy} responded with ${status} to CONNECT ${authority}${fix}`);
    this.code = status >= 500 ? 'ECONNREFUSED' : 'ERR_PROXY_REFUSED';
  }
}
