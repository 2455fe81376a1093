/** A policy document in the configuration centre Nacos 1, 2 or 3, watched by long polling. */
import { duration, invalid, knownKeys } from '../../src/core/options.ts';
import type { PolicySource } from '../../src/policy/source.ts';
import { lookingAgain } from './polling.ts';
import {
  refused,
  requestLimit,
  serverAt,
  type Received,
  type Credentials,
  type Server,
  type SourceFetch,
} from './http-client.ts';

/**
 * The options of `nacos()`.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policy-sources.md#nacos
 */
export interface NacosOptions {
  readonly dataId: string;
  /** @default 'DEFAULT_GROUP' */
  readonly group?: string | undefined;
  /** The id of the namespace. @default 'public' */
  readonly namespace?: string | undefined;
  /** With `password`, the user that the source logs in as. @default that of the address, if it has one */
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** In place of a user: a token that is valid for as long as the source is watched. */
  readonly accessToken?: string | undefined;
  /** The pause between two reads where the server has no long polling, ms. @default 15_000 */
  readonly interval?: number | undefined;
  /** Sends the requests. @default the platform's fetch */
  readonly fetch?: SourceFetch | undefined;
}

/** How long Nacos holds a request, as its own client asks for, and when that client gives up, ms. */
const hold = 30_000;
const holdLimit = hold + hold / 2;

/** Statuses of a path that a version of Nacos does not have; 410 is one whose compatibility is switched off. */
const missing = [404, 405, 410, 501];

interface Found {
  readonly text: string | undefined;
  /** Nacos computes it, so that no runtime has to. '' is that of no configuration. */
  readonly md5: string;
}

/**
 * The policy document in a configuration of Nacos. The text is read from the API of Nacos 3, or that of Nacos 1 where there is
 * no other. Nacos holds a request until the configuration changes, so that a change arrives at once; where the server has no
 * such path, the text is read again every `interval`. A request without a response has failed after 10 s, one that Nacos holds
 * after 45 s; after a failure the pause grows from 1 s to 30 s. A configuration that does not exist is no document. The path of
 * the address is the context path of the server, by default `/nacos`.
 *
 * @throws {KyoaError} `INVALID_OPTION`
 * @example
 * ```ts
 * import { policy } from 'kyoa/policy';
 * import { nacos } from 'kyoa/policy/sources';
 *
 * const live = policy([nacos('http://127.0.0.1:8848', { dataId: 'shop-http.json' })]);
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policy-sources.md#nacos
 * @see https://nacos.io/docs/v3.0/manual/user/open-api
 */
export function nacos(address: string, options: NacosOptions): PolicySource {
  const given = knownKeys('nacos', options, optionNames);
  const { dataId, group = 'DEFAULT_GROUP', username, password = '', accessToken, interval = 15_000, fetch } = given;
  for (const [option, value] of Object.entries({ dataId, group })) {
    if (typeof value !== 'string' || !/^[\w.:-]+$/.test(value))
      throw invalid(`nacos ${option}`, value, 'letters, digits, and any of . : - _');
  }
  duration('nacos interval', interval);
  const namespace = given.namespace === 'public' ? '' : (given.namespace ?? '');
  const server = serverAt('nacos address', address, fetch);
  const context = new URL(server.shown).pathname === '/' ? '/nacos' : '';
  const user = username === undefined ? server.credentials : { username, password };
  const name = `nacos ${server.shown} ${[namespace, group, dataId].filter((part) => part !== '').join('/')}`;

  return lookingAgain(name, 30_000, () => {
    const send = sender(server, context, accessToken, user);
    let isOld = false;

    const read = async (signal: AbortSignal): Promise<Found> => {
      if (!isOld) {
        const query = new URLSearchParams({ dataId, groupName: group, namespaceId: namespace });
        const received = await send(`/v3/client/cs/config?${query}`, {}, requestLimit, signal);
        const result = resultOf(received);
        if (result?.code === 20_004) return { text: undefined, md5: '' };
        if (result?.code === 0 && result.data) return { text: result.data.content ?? '', md5: result.data.md5 ?? '' };
        if (result !== undefined || !missing.includes(received.status)) throw refused(received, result?.message);
      }
      const query = new URLSearchParams({ dataId, group, tenant: namespace });
      const received = await send(`/v1/cs/configs?${query}`, {}, requestLimit, signal);
      isOld = received.status === 200 || (received.status === 404 && received.text.includes('config data not exist'));
      if (!isOld) throw refused(received);
      return received.status === 404
        ? { text: undefined, md5: '' }
        : { text: received.text, md5: received.headers.get('content-md5') ?? '' };
    };

    /** Resolves when the configuration may have changed; to false where the server does not hold requests. */
    const listen = async (md5: string, signal: AbortSignal): Promise<boolean> => {
      const parts = [dataId, group, md5, ...(namespace === '' ? [] : [namespace])];
      const body = new URLSearchParams({ 'Listening-Configs': `${parts.join('\x02')}\x01` });
      const headers = { 'long-pulling-timeout': String(hold) };
      const received = await send('/v1/cs/configs/listener', { method: 'POST', headers, body }, holdLimit, signal);
      if (received.status !== 200 && !missing.includes(received.status)) throw refused(received);
      return received.status === 200;
    };

    return async (report, signal) => {
      const { text, md5 } = await read(signal);
      if (text === undefined) report.absent();
      else report.document(text, md5);
      return (await listen(md5, signal)) ? 0 : interval;
    };
  });
}

const optionNames = ['dataId', 'group', 'namespace', 'username', 'password', 'accessToken', 'interval', 'fetch'];

interface Result {
  readonly code: number;
  readonly message?: string;
  readonly data?: { readonly content?: string; readonly md5?: string } | null;
}

/** What a path of Nacos 3 returns, and that of an older one does not. */
function resultOf({ text }: Received): Result | undefined {
  try {
    const result = JSON.parse(text) as Partial<Result> | null;
    return typeof result?.code === 'number' ? (result as Result) : undefined;
  } catch {
    return undefined;
  }
}

type Send = (
  path: string,
  init: Omit<RequestInit, 'headers'> & { readonly headers?: Readonly<Record<string, string>> },
  limit: number,
  signal: AbortSignal,
) => Promise<Received>;

/** Logs in when it has to: with `user`, before the first request and when a token is no longer valid. */
function sender(server: Server, context: string, accessToken?: string, user?: Credentials): Send {
  let token = accessToken;

  const logIn = async (signal: AbortSignal): Promise<void> => {
    const init: RequestInit = { method: 'POST', body: new URLSearchParams({ ...user }), redirect: 'manual' };
    let received = await server.ask(`${context}/v3/auth/user/login`, init, requestLimit, signal);
    if (missing.includes(received.status))
      received = await server.ask(`${context}/v1/auth/users/login`, init, requestLimit, signal);
    if (received.status !== 200) throw refused(received);
    ({ accessToken: token } = JSON.parse(received.text) as { accessToken?: string });
  };

  return async (path, init, limit, signal) => {
    const authorized = (): RequestInit => ({
      ...init,
      headers: { ...init.headers, ...(token !== undefined && { authorization: `Bearer ${token}` }) },
      redirect: 'manual',
    });
    const logsIn = user !== undefined && accessToken === undefined;
    if (logsIn && token === undefined) await logIn(signal);
    const received = await server.ask(context + path, authorized(), limit, signal);
    if (!logsIn || (received.status !== 401 && received.status !== 403)) return received;
    await logIn(signal);
    return server.ask(context + path, authorized(), limit, signal);
  };
}
