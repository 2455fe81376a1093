/** A policy document in the key-value store of Consul, watched by blocking queries. */
import { invalid, duration, knownKeys } from '../../src/core/options.ts';
import type { PolicySource } from '../../src/policy/source.ts';
import { lookingAgain } from './polling.ts';
import { basicAuth, refused, serverAt, type SourceFetch } from './http-client.ts';

/**
 * The options of `consul()`.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policy-sources.md#consul
 */
export interface ConsulOptions {
  /** The ACL token, which may read the key. */
  readonly token?: string | undefined;
  /** The datacenter of the key. @default that of the agent */
  readonly datacenter?: string | undefined;
  /**
   * How long Consul may hold a query, ms, up to 10 minutes; it adds up to a sixteenth. Node's `fetch` gives up after 5 minutes
   * without headers, which is the reason for the default.
   * @default 240_000
   */
  readonly wait?: number | undefined;
  /** Sends the requests. @default the platform's fetch */
  readonly fetch?: SourceFetch | undefined;
}

/** The pause where queries cannot block, ms. */
const unheld = 10_000;

/**
 * The policy document in a key of Consul. A query is held by Consul until the key changes, so that a change arrives at once. A
 * query without a response for `wait`, a sixteenth of it and 5 s has failed; after a failure the pause grows from 1 s to 30 s,
 * and the key is read anew. A key that does not exist is no document. Credentials in the address become a header.
 *
 * @throws {KyoaError} `INVALID_OPTION`
 * @example
 * ```ts
 * import { policy } from 'kyoa/policy';
 * import { consul } from 'kyoa/policy/sources';
 *
 * const live = policy([consul('http://127.0.0.1:8500', 'shop/http')]);
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policy-sources.md#consul
 * @see https://developer.hashicorp.com/consul/api-docs/features/blocking
 */
export function consul(address: string, key: string, options: ConsulOptions = {}): PolicySource {
  const { token, datacenter, wait = 240_000, fetch } = knownKeys('consul', options, optionNames);
  if (typeof key !== 'string' || key === '') throw invalid('consul key', key, "the name of a key, such as 'shop/http'");
  if (duration('consul wait', wait) > 600_000)
    throw invalid('consul wait', wait, 'at most 600000 ms, the limit of Consul');
  const server = serverAt('consul address', address, fetch);
  const headers = {
    ...(server.credentials && basicAuth(server.credentials)),
    ...(token !== undefined && { 'x-consul-token': token }),
  };
  const path = `/v1/kv/${key.split('/').map(encodeURIComponent).join('/')}?raw&wait=${Math.ceil(wait)}ms`;
  const query = datacenter === undefined ? '' : `&dc=${encodeURIComponent(datacenter)}`;

  return lookingAgain(`consul ${server.shown} ${key}`, 30_000, () => {
    let index = 0;
    return async (report, signal) => {
      const since = index;
      index = 0; // after a failure the key is read anew: a server that has lost its data counts from the start
      const target = `${path}${query}&index=${since}`;
      const received = await server.ask(target, { headers, redirect: 'manual' }, wait + wait / 16 + 5_000, signal);
      const now = Number(received.headers.get('x-consul-index') ?? 0);
      if (received.status === 200) report.document(received.text, String(now));
      else if (received.status === 404) report.absent();
      else throw refused(received);
      index = now < since ? 0 : now;
      return now > 0 ? 0 : unheld;
    };
  });
}

const optionNames = ['token', 'datacenter', 'wait', 'fetch'];
