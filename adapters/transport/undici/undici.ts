/** A fetch for Node on undici's connections: faster than the global fetch, with limits per phase and a pool per origin. */
import type { RequestInfo } from '../../../src/core/engine/fetch-types.ts';
import { Client } from 'undici';

import type { AbortSource } from '../../../src/core/engine/lazy-abort.ts';
import type { RequestLike } from '../../../src/core/engine/lazy-request.ts';
import { sendRequest } from '../../../src/core/engine/transport-protocol.ts';
import { KyoaError } from '../../../src/core/errors.ts';
import { Call } from './fetch-call.ts';
import { cachedLookup } from './dns-cache.ts';
import { checkRequest, readRequest, readSignal } from './fetch-arguments.ts';
import { parseOptions, type OriginStats, type UndiciOptions } from './options.ts';
import { Pool } from './pool.ts';
import { cancelBody, requestBody } from './request-body.ts';
import { isHttp, networkRequest, refuseBadPort, requestHeaders } from './network-request.ts';

export { BodySizeError } from '../../../src/core/errors.ts';
export type { OriginOptions, OriginStats, Pressure, TransportLimit, UndiciOptions } from './options.ts';
export type { ProxyOption, ProxyOptions } from './proxy.ts';
export type { TlsOptions } from './tls-options.ts';

/**
 * A fetch on undici's connections, as `undici()` returns it, with the state of its pools.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/transports.md
 */
export interface UndiciFetch extends AsyncDisposable {
  (input: RequestInfo | URL, init?: RequestInit): Promise<Response>;
  /** The present state of each origin that has had a request. */
  stats(): Readonly<Record<string, OriginStats>>;
  /** Refuses further calls. Resolves when the present calls have ended and every connection is closed. */
  close(): Promise<void>;
  /** Refuses further calls, and fails the present ones with `reason` as the cause. */
  destroy(reason?: Error): Promise<void>;
}

/** Handles every URL that is not http or https: `data:`, `blob:`, and the errors for all others. */
const platformFetch = globalThis.fetch;

/**
 * Creates a fetch on undici's connections, for `createFetch({ fetch: undici() })`, `kyoa.create({ fetch: undici() })`, or
 * on its own. It owns its connections, so a process should create it once. Idle connections do not keep a process alive.
 *
 * It rejects as fetch does, with a `TypeError` whose `cause` is the original error, or with exactly the reason of the
 * signal. A limit that expires is a `TimeoutError` that names the phase (`connect`, `write`, `headers`, `idle`). If the
 * server closes a kept connection before it responds to a request on it, an idempotent or keyed request is sent once more.
 *
 * It needs undici 8, which kyoa does not install.
 *
 * @throws {KyoaError} `INVALID_OPTION`
 * @example
 * ```ts
 * import kyoa from 'kyoa';
 * import { undici } from 'kyoa/undici';
 *
 * const fetch = undici({ connect: 2_000, connections: 100 });
 * const api = kyoa.create({ fetch });
 * await fetch.close();
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/transports.md
 */
export function undici(options: UndiciOptions = {}): UndiciFetch {
  const settings = parseOptions(options);
  if (!('dispatch' in Client.prototype)) {
    const message = 'undici() needs the package undici, which Bun replaces by its own: leave out the option `fetch`';
    throw new KyoaError('INVALID_OPTION', message);
  }
  const lookup = settings.dns > 0 ? cachedLookup(settings.dns) : undefined;
  const pools = new Map<string, Pool>();
  let ended = false;

  const poolOf = (origin: string): Pool => {
    let pool = pools.get(origin);
    if (pool === undefined) {
      refuseBadPort(origin);
      pool = new Pool(origin, settings.forOrigin(origin), lookup, settings.onPressure);
      if (ended) void pool.close();
      else pools.set(origin, pool);
    }
    return pool;
  };

  // Not async: an async function that returns a promise awaits it once more.
  const send = (request: RequestLike, source: AbortSource | AbortSignal | null | undefined): Promise<Response> =>
    new Promise((resolve, reject) => {
      checkRequest(request);
      if (source?.aborted === true) {
        cancelBody(request, source.reason);
        throw source.reason;
      }
      if (!isHttp(request.url)) {
        const signal = source == null || source instanceof AbortSignal ? source : source.signal;
        return resolve(platformFetch(...request.fetchArguments({ signal: signal ?? null })));
      }
      const body = requestBody(request);
      const headers = requestHeaders(request);
      const first = networkRequest(request.url, { method: request.method, headers, hasBody: body !== undefined });
      void new Call({ request, source, body, poolOf }, first, { resolve, reject });
    });
  const fetch = (input: RequestInfo | URL, init: RequestInit | null = null): Promise<Response> => {
    try {
      return send(readRequest(input, init), readSignal(input, init));
    } catch (error) {
      return Promise.reject(error);
    }
  };

  const end = async (how: (pool: Pool) => Promise<void>): Promise<void> => {
    ended = true;
    await Promise.all([...pools.values()].map(how));
  };
  const close = (): Promise<void> => end((pool) => pool.close());
  return Object.assign(fetch, {
    stats: () => Object.fromEntries(Array.from(pools, ([origin, pool]) => [origin, pool.stats()])),
    close,
    destroy: (reason: Error = new Error('The transport was destroyed')) => end((pool) => pool.destroy(reason)),
    [sendRequest]: send,
    [Symbol.asyncDispose]: close,
  });
}
