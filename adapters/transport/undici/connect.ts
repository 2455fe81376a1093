/** How a socket is opened: within a limit, by way of remembered addresses, and through a proxy where there is one. */
import type { Socket } from 'node:net';

import { buildConnector, Client, errors } from 'undici';

import { TimeoutError } from '../../../src/core/errors.ts';
import type { Lookup } from './lookup.ts';
import type { OriginSettings, Proxy } from './options.ts';
import { Watch } from './watch.ts';

type Connected = buildConnector.Callback;
/** Returns the socket while it is being opened, so that it can be given up. */
export type Connect = (target: buildConnector.Options, connected: Connected) => Socket | undefined;

export function connector(settings: OriginSettings, lookup: Lookup | undefined): Connect {
  const { connect: limit, http2: allowH2, tls, proxy } = settings;
  // `timeout: 0`: the limit is kept here, where it includes the way through a proxy.
  const options = { timeout: 0, ...(lookup && { lookup }) } as buildConnector.BuildOptions;
  const direct = buildConnector({ ...options, ...tls, allowH2 } as buildConnector.BuildOptions) as unknown as Connect;
  const connect = proxy?.tunnel === true ? tunnel(proxy, direct, options) : direct;

  return (target, connected) => {
    let settled = false;
    const done: Connected = (...result) => {
      watch.stop();
      if (settled) result[1]?.destroy();
      else connected(...result);
      settled = true;
    };
    const watch = new Watch(limit, (elapsed) => {
      done(new TimeoutError({ phase: 'connect', limit, elapsed }), null);
      opening?.destroy();
    });
    watch.start();
    const opening = connect(target, done);
    opening?.once('close', () => watch.stop()); // given up by whoever wanted it
    return opening;
  };
}

/** A way to the origin through an HTTP proxy (RFC 9110 §9.3.6), with TLS to the origin inside it. */
function tunnel(proxy: Proxy, direct: Connect, options: buildConnector.BuildOptions): Connect {
  return (target, connected) => {
    // A client of its own for every tunnel: with the tunnel, its socket is gone.
    const client = new Client(proxy.origin, { connect: buildConnector({ ...options, allowH2: false }) });
    const port = target.port || (target.protocol === 'https:' ? '443' : '80');
    const authority = `${target.hostname.includes(':') ? `[${target.hostname}]` : target.hostname}:${port}`;
    const headers = { host: authority, ...proxy.headers };
    client
      .connect({ path: authority, headers })
      .then(({ statusCode, socket }) => {
        if (statusCode === 200) return void direct({ ...target, httpSocket: socket as Socket }, connected);
        socket.on('error', () => {}).destroy();
        throw new errors.RequestAbortedError(
          `The proxy ${proxy.origin} answered ${statusCode} to CONNECT ${authority}`,
        );
      })
      .catch((error: Error) => {
        // undici takes its own socket errors for something that a further attempt mends, and would try for ever.
        connected(
          'code' in error && error.code === 'UND_ERR_SOCKET' ? new Error(error.message, { cause: error }) : error,
          null,
        );
      });
    return undefined;
  };
}
