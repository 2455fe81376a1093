/** A fetch for Node on undici's connections: faster than the global one, with the limits and the pools of a server. */
import { toSignal } from '../../../src/core/engine/lazy-abort.ts';
import { toRequest } from '../../../src/core/engine/lazy-request.ts';
import { abortSource } from '../../../src/core/engine/transport-protocol.ts';
import { Call } from './call.ts';
import { cachedLookup } from './lookup.ts';
import { parse, type OriginStats, type UndiciOptions } from './options.ts';
import { outgoing, type Outgoing } from './outgoing.ts';
import { Pool } from './pool.ts';
import { hop, isHttp } from './redirect.ts';
import { askedOf, headersOf, refuseBadPort, sourceOf } from './request.ts';

export type { OriginOptions, OriginStats, Pressure, TlsOptions, TransportLimit, UndiciOptions } from './options.ts';

export interface UndiciFetch extends AsyncDisposable {
  (input: RequestInfo | URL, init?: RequestInit): Promise<Response>;
  /** Of every origin that has been asked for something, as it is now. */
  stats(): Readonly<Record<string, OriginStats>>;
  /** Refuses further calls; resolves when those under way are over and every connection is closed. */
  close(): Promise<void>;
  /** Refuses further calls, and fails those under way. */
  destroy(reason?: Error): Promise<void>;
}

/** What is not http is the platform's business: `data:` and `blob:`, and what it says of all else. */
const platformFetch = globalThis.fetch;

/**
 * For `createFetch({ fetch: undici() })`, `kyoa.create({ fetch: undici() })`, or by itself. Keep one for the life of
 * the process: it owns its connections. Idle ones do not keep a process alive.
 *
 * Rejects as fetch does, with a `TypeError` whose `cause` says why, or with exactly the reason of the signal; a limit
 * that runs out is a `TimeoutError` that names the phase (`connect`, `write`, `headers`, `idle`). A request that may be
 * repeated is sent once more when the kept connection it went out on turns out to be closed.
 *
 * Needs undici 8 beside kyoa.
 *
 * @throws {KyoaError} `INVALID_OPTION`
 */
export function undici(options: UndiciOptions = {}): UndiciFetch {
  const settings = parse(options);
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

  // Not async: what an async function returns, if it is a promise, is waited for once more.
  const fetch = (input: RequestInfo | URL, init?: RequestInit): Promise<Response> =>
    new Promise((resolve, reject) => {
      const request = askedOf(input, init);
      const source = sourceOf(input, init);
      if (source?.aborted === true) throw source.reason;
      if (!isHttp(request.url))
        return resolve(platformFetch(toRequest(request), { signal: source ? toSignal(source) : null }));

      const send = (body: Outgoing | undefined): void => {
        const headers = headersOf(request);
        const first = hop(request.url, { method: request.method, headers, hasBody: body !== undefined });
        void new Call({ request, source, body, poolOf }, first, { resolve, reject });
      };
      const body = request.body === null ? undefined : outgoing(toRequest(request), init?.body);
      if (body instanceof Promise) body.then(send).catch(reject);
      else send(body);
    });

  const end = async (how: (pool: Pool) => Promise<void>): Promise<void> => {
    ended = true;
    await Promise.all([...pools.values()].map(how));
  };
  const close = (): Promise<void> => end((pool) => pool.close());
  return Object.assign(fetch, {
    stats: () => Object.fromEntries(Array.from(pools, ([origin, pool]) => [origin, pool.stats()])),
    close,
    destroy: (reason: Error = new Error('The transport was destroyed')) => end((pool) => pool.destroy(reason)),
    [abortSource]: true,
    [Symbol.asyncDispose]: close,
  });
}
