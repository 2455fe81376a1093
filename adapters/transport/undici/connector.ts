/** Opens the sockets of an origin: within the `connect` limit, from cached addresses, through a proxy if there is one. */
import type { Socket } from 'node:net';

import { buildConnector, Client, errors } from 'undici';

import { TimeoutError } from '../../../src/core/errors.ts';
import type { Lookup } from './dns-cache.ts';
import type { OriginSettings, Proxy } from './options.ts';
import { PhaseTimer } from './phase-timer.ts';

/** Returns the socket while it is being opened, so that it can be destroyed. */
export type Connector = (target: buildConnector.Options, callback: buildConnector.Callback) => Socket | undefined;

export function connector(settings: OriginSettings, lookup: Lookup | undefined): Connector {
  const { connect: limit, http2: allowH2, tls, proxy } = settings;
  // `timeout: 0` disables undici's own limit. The limit below includes the CONNECT request to a proxy.
  const options = { timeout: 0, ...(lookup && { lookup }) } as buildConnector.BuildOptions;
  const direct = buildConnector({ ...options, ...tls, allowH2 } as buildConnector.BuildOptions) as unknown as Connector;
  const connect = proxy?.tunnel === true ? tunnel(proxy, direct, options) : direct;

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
      opening?.destroy();
    });
    timer.start();
    const opening = connect(target, settle);
    opening?.once('close', () => timer.stop()); // the connection was destroyed while it was being opened
    return opening;
  };
}

/** Reaches the origin through a tunnel of an HTTP proxy (RFC 9110 §9.3.6), with TLS to the origin inside it. */
function tunnel(proxy: Proxy, direct: Connector, options: buildConnector.BuildOptions): Connector {
  return (target, callback) => {
    // Each tunnel has its own client: the tunnel takes over the client's socket.
    const client = new Client(proxy.origin, { connect: buildConnector({ ...options, allowH2: false }) });
    const port = target.port || (target.protocol === 'https:' ? '443' : '80');
    const authority = `${target.hostname.includes(':') ? `[${target.hostname}]` : target.hostname}:${port}`;
    const headers = { host: authority, ...proxy.headers };
    client
      .connect({ path: authority, headers })
      .then(({ statusCode, socket }) => {
        if (statusCode === 200) return void direct({ ...target, httpSocket: socket as Socket }, callback);
        socket.on('error', () => {}).destroy();
        throw new errors.RequestAbortedError(
          `The proxy ${proxy.origin} responded with ${statusCode} to CONNECT ${authority}`,
        );
      })
      .catch((error: Error) => {
        // After an error with undici's own code the Client does not fail the request: it connects again, without end.
        callback(
          'code' in error && error.code === 'UND_ERR_SOCKET' ? new Error(error.message, { cause: error }) : error,
          null,
        );
      });
    return undefined;
  };
}
