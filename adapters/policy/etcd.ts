/** A policy document in etcd 3, watched through its JSON gateway. */
import { duration, invalid, knownKeys } from '../../src/core/options.ts';
import type { PolicySource } from '../../src/policy/source.ts';
import { lookingAgain, type Report } from './polling.ts';
import {
  limited,
  refused,
  requestLimit,
  serverAt,
  Silence,
  textOf,
  toBase64,
  utf8,
  type Credentials,
  type Server,
  type SourceFetch,
} from './http-client.ts';

/**
 * The options of `etcd()`.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policy-sources.md#etcd
 */
export interface EtcdOptions {
  /** With `password`, the user that the source logs in as. @default that of the address, if it has one */
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** Headers of each request, for a proxy in front of etcd. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** After a watch was silent for this long, ms, the key is read and watched anew: a dead connection is silent, too. @default 60_000 */
  readonly wait?: number | undefined;
  /** Sends the requests. @default the platform's fetch */
  readonly fetch?: SourceFetch | undefined;
}

/** Numbers of 64 bits are texts in the JSON of the gateway, and members with a default value are left out. */
interface Range {
  readonly header: { readonly revision: string };
  readonly kvs?: readonly KeyValue[];
}

interface KeyValue {
  readonly mod_revision: string;
  readonly value?: string;
}

interface WatchMessage {
  readonly error?: { readonly message?: string };
  readonly result?: {
    readonly canceled?: boolean;
    readonly cancel_reason?: string;
    readonly compact_revision?: string;
    readonly events?: readonly { readonly type?: 'DELETE'; readonly kv: KeyValue }[];
  };
}

/**
 * The policy document in a key of etcd 3.4 or newer, whose JSON gateway has the paths `/v3/...`. The key is read, and changes
 * arrive over a watch from the next revision on, so that none is lost. Where etcd has compacted that revision, where the watch
 * ends or has been silent for `wait`, the key is read again. After a failure the pause grows from 1 s to 30 s. A key that does
 * not exist is no document.
 *
 * @throws {KyoaError} `INVALID_OPTION`
 * @example
 * ```ts
 * import { policy } from 'kyoa/policy';
 * import { etcd } from 'kyoa/policy/sources';
 *
 * const live = policy([etcd('http://127.0.0.1:2379', 'shop/http')]);
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policy-sources.md#etcd
 * @see https://etcd.io/docs/v3.4/dev-guide/api_grpc_gateway/
 */
export function etcd(address: string, key: string, options: EtcdOptions = {}): PolicySource {
  const { username, password = '', headers, wait = 60_000, fetch } = knownKeys('etcd', options, optionNames);
  if (typeof key !== 'string' || key === '') throw invalid('etcd key', key, "the name of a key, such as 'shop/http'");
  duration('etcd wait', wait);
  const server = serverAt('etcd address', address, fetch);
  const user = username === undefined ? server.credentials : { username, password };
  const name = toBase64(key);

  return lookingAgain(`etcd ${server.shown} ${key}`, 30_000, () => {
    const gateway = gatewayOf(server, headers, user);
    let hasFailed = false;
    return async (report, signal) => {
      const { header, kvs } = await gateway.post<Range>('/v3/kv/range', { key: name }, signal);
      tell(report, kvs?.[0]);
      const watch = { create_request: { key: name, start_revision: String(Number(header.revision) + 1) } };
      try {
        await limited(wait, signal, async (signal, heard) => {
          for await (const line of gateway.lines('/v3/watch', watch, signal)) {
            heard();
            const { error, result = {} } = JSON.parse(line) as WatchMessage;
            if (error) throw new Error(error.message ?? line);
            const last = result.events?.at(-1);
            if (last) tell(report, last.type === 'DELETE' ? undefined : last.kv);
            if (result.canceled && result.compact_revision === undefined)
              throw new Error(result.cancel_reason ?? 'etcd has ended the watch');
            if (result.canceled) return;
            hasFailed = false;
          }
        });
      } catch (error) {
        if (error instanceof Silence) return 0;
        // The next read finds out what is wrong: the server is down, or the token is no longer valid.
        if (hasFailed) throw error;
        hasFailed = true;
        gateway.forgetToken();
      }
      return 0;
    };
  });
}

const optionNames = ['username', 'password', 'headers', 'wait', 'fetch'];

function tell(report: Report, found: KeyValue | undefined): void {
  if (found === undefined) return report.absent();
  const bytes = Uint8Array.from(atob(found.value ?? ''), (letter) => letter.codePointAt(0)!);
  report.document(utf8(bytes), found.mod_revision);
}

interface Gateway {
  post<Result>(path: string, body: object, signal: AbortSignal): Promise<Result>;
  lines(path: string, body: object, signal: AbortSignal): AsyncGenerator<string, void>;
  /** The next request logs in anew. */
  forgetToken(): void;
}

/** Logs in when it has to: with `user`, before the first request and when a token is no longer valid. */
function gatewayOf(server: Server, headers: Readonly<Record<string, string>> = {}, user?: Credentials): Gateway {
  let token: string | undefined;

  const init = (body: object): RequestInit => ({
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers, ...(token !== undefined && { authorization: token }) },
    body: JSON.stringify(body),
    redirect: 'manual',
  });

  const post = async <Result>(path: string, body: object, signal: AbortSignal): Promise<Result> => {
    const received = await server.ask(path, init(body), requestLimit, signal);
    if (received.status === 200) return JSON.parse(received.text) as Result;
    const said = saidBy(received.text);
    // A token of the kind `jwt` is refused with 400 after a change of users or roles.
    if (received.status === 401 || said.includes('revision of auth store is old')) token = undefined;
    throw refused(received, said);
  };

  const logIn = async (signal: AbortSignal): Promise<void> => {
    token = undefined;
    const body = { name: user!.username, password: user!.password };
    ({ token } = await post<{ token: string }>('/v3/auth/authenticate', body, signal));
  };

  return {
    async post(path, body, signal) {
      if (user === undefined) return post(path, body, signal);
      if (token === undefined) await logIn(signal);
      try {
        return await post(path, body, signal);
      } catch (error) {
        if (token !== undefined) throw error;
        await logIn(signal);
        return post(path, body, signal);
      }
    },
    async *lines(path, body, signal) {
      const response = await server.open(path, { ...init(body), signal });
      if (response.status !== 200) throw refused(response);
      let rest = '';
      for await (const part of textOf(response)) {
        const parts = (rest + part).split('\n');
        rest = parts.pop()!;
        yield* parts;
      }
    },
    forgetToken() {
      token = undefined;
    },
  };
}

/** The gateway says what is wrong in `message`, and in `error` before etcd 3.4. */
function saidBy(text: string): string {
  try {
    const { message, error } = JSON.parse(text) as { message?: string; error?: string };
    return message ?? error ?? '';
  } catch {
    return '';
  }
}
