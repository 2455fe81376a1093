/** Sends each request with a token, and renews the token once for all callers. Placed outside `dedupe` and `retry`. */
import type { Context, Middleware } from '../../core/context.ts';
import { KyoaError } from '../../core/errors.ts';
import {
  asPolicy,
  count,
  delay,
  duration,
  fn,
  keyFn,
  policyOptions,
  storage,
  type PolicyOptions,
  type Settings,
} from '../../core/options.ts';
import type { Storage } from '../../core/storage.ts';
import { setUserOf } from '../../lib/identity.ts';
import type { Key } from '../../lib/keys.ts';
import { lruMap, type LruMap } from '../../lib/lru.ts';
import type { When } from '../../lib/outcome.ts';
import { send } from './send.ts';
import type { Renewal } from './renewal.ts';
import { Session, type SessionSettings } from './session.ts';
import { bearer, checkedToken, headerRecord, origins, withLife, type Token } from './token.ts';

/**
 * The options of `auth()`. Durations are in ms.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/auth.md#options
 */
export interface AuthOptions<T extends object = Token> {
  /**
   * Gets a new token in place of the present one. It is called once for all callers, tabs and processes that share the
   * storage, and its result is stored there, as JSON. `undefined`, or an error whose `response` has the status 400, 401 or
   * 403, signs the user out; any other error rejects the calls that wait, and the next call tries again.
   */
  readonly renew: (renewal: Renewal<T>) => Promise<T | undefined>;
  /** The headers that carry the token. A request that already has one of them is left as it is. @default Authorization: Bearer */
  readonly apply?: ((token: T, ctx: Context) => Readonly<Record<string, string>>) | undefined;
  /** Whether the outcome of a call means that its token is no longer good. @default a response with status 401 */
  readonly refused?: When | undefined;
  /** A token is renewed so long before its `expires`, in the background, ms; at most half of its life. 0: when it has expired. @default 30_000 */
  readonly early?: number | undefined;
  /** How long a renewal may take, and how soon another process takes over from one that has died, ms. @default 15_000 */
  readonly lease?: number | undefined;
  /** How many times a call is sent again with a new token. 0: a 401 is returned as it is. @default 1 */
  readonly again?: number | undefined;
  /** The user whose token it is. A call whose key is `undefined` is sent without a token. @default one user */
  readonly key?: Key | undefined;
  /** The origins that may receive the token, such as `['https://api.example.com']`. @default all that the client calls */
  readonly scope?: readonly string[] | undefined;
  /** How long a token is stored without a renewal, ms. @default 2_592_000_000, 30 days */
  readonly ttl?: number | undefined;
  /** Where the token is stored. @default the storage of the entry point */
  readonly storage?: Storage | undefined;
}

/**
 * `auth()` as a middleware, with which a program signs its user in and out.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/auth.md#sign-in-and-sign-out
 */
export interface Auth<T extends object = Token> extends Middleware {
  /** Stores a token, say that of a login, for all that share the storage. `user` is what `key` returns. @default that of the last call */
  set(token: T, user?: string): Promise<void>;
  /** Signs the user out, here and in all tabs and processes that share the storage: calls are sent without a token, and none is renewed. */
  clear(user?: string): Promise<void>;
}

/**
 * The options that a call may override: `auth: { again: 0 }`.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/auth.md#options
 */
export type AuthOverride = Pick<AuthOptions, 'again' | 'key'>;

type Policy = Settings<AuthOptions<never>, 'key' | 'scope' | 'storage'>;

export const authOptions: PolicyOptions<Policy> = /* @__PURE__ */ policyOptions(
  'auth',
  {
    renew: [fn],
    apply: [fn, bearer as never, headerRecord],
    refused: [fn, ({ response }) => response?.status === 401],
    early: [delay, 30_000],
    lease: [duration, 15_000],
    again: [count, 1],
    key: [keyFn, undefined],
    scope: [origins, undefined],
    ttl: [duration, 2_592_000_000],
    storage: [storage, undefined],
  },
  { perCall: ['again', 'key'] },
);

/**
 * Sends each request with the user's token, and renews the token when it expires or is refused with a 401: once for all
 * callers, tabs and processes that share the storage, under a lease. Each call that was refused is then sent again, with its
 * whole body and the same idempotency key. A late 401 of the former token renews nothing. A renewal that fails because of
 * the network signs no user out; one that the token server refuses does, everywhere.
 *
 * `dedupe`, `idempotency` and `staleIfError` inside it tell callers apart by `key` and not by the token. A stream that was
 * uploaded is not sent again: its call gets the 401. It does nothing in a handler. `renew` must not call through the same
 * policy: give that call `auth: false`.
 *
 * Per call: `auth: false`, or `auth: { again, key }`.
 *
 * @throws {KyoaError} `INVALID_OPTION`. A call rejects with the error of `renew`, with `RENEWAL_TIMEOUT` or `StorageError`.
 * @example
 * ```ts
 * const session = auth({
 *   renew: async ({ token, signal }) => {
 *     const body = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: token?.refresh ?? '' });
 *     const grant = await kyoa
 *       .post<{ access_token: string; refresh_token?: string; expires_in: number }>('https://id.example.com/token', { body, signal })
 *       .json();
 *     return { access: grant.access_token, refresh: grant.refresh_token ?? token?.refresh, expires: Date.now() + 1_000 * grant.expires_in };
 *   },
 * });
 * const api = kyoa.extend({ use: (stack) => [session, ...stack] });
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/auth.md
 * @see https://datatracker.ietf.org/doc/html/rfc9700#section-4.14
 */
export function auth<T extends object = Token>(options: AuthOptions<T>): Auth<T> {
  const own = authOptions.parse(options) as unknown as Policy & Required<Pick<AuthOptions<T>, 'renew' | 'apply'>>;
  const isBearer = own.apply === (bearer as unknown);
  const settings: SessionSettings<T> = {
    ...own,
    renew: async (renewal) => {
      const token = (await own.renew(renewal)) as T | null | undefined;
      return token == null ? undefined : withLife(checkedToken('the result of auth renew', token, isBearer));
    },
  };
  const storages = new WeakMap<Storage, LruMap<Session<T>>>();
  /** Those of the last call. */
  let [lastStorage, lastUser] = [own.storage, ''];

  const sessionOf = (storage: Storage, user: string): Session<T> => {
    [lastStorage, lastUser] = [storage, user];
    let sessions = storages.get(storage);
    if (sessions === undefined) {
      sessions = lruMap((user) => new Session(storage, user, settings), isIdle);
      storages.set(storage, sessions);
    }
    return sessions.get(user);
  };
  const replace = async (verb: string, token: T | null, user = lastUser): Promise<void> => {
    if (lastStorage === undefined)
      throw new KyoaError('INVALID_OPTION', `auth ${verb}() before the first call: give auth the option storage`);
    await sessionOf(lastStorage, user).replace(token);
  };

  /** `undefined` for a call that is sent without a token. */
  const turnOf = (ctx: Context) => {
    const settings = authOptions.forCall(ctx, own) as typeof own | undefined;
    if (settings === undefined || ctx.side === 'server') return undefined;
    const { key, scope, storage = ctx.storage } = settings;
    const user = key === undefined ? '' : key(ctx);
    if (user == null || scope?.includes(new URL(ctx.url).origin) === false) return undefined;
    return { session: sessionOf(storage, user), settings, user: key && user };
  };

  const policy: Middleware = asPolicy(
    options,
    async function auth(ctx, next) {
      const turn = turnOf(ctx);
      if (turn === undefined) return next();
      if (turn.session.isFromRenew(ctx))
        throw new KyoaError('INVALID_OPTION', 'auth renew calls through the same auth: give that call auth: false');
      return send(turn.session, turn.settings, ctx, next, turn.user);
    },
    'identity',
  );
  setUserOf(policy, async (ctx) => {
    const turn = turnOf(ctx);
    return turn?.user ?? turn?.session.name();
  });
  return Object.assign(policy, {
    async set(token: T, user?: string) {
      if (own.key !== undefined && user === undefined)
        throw new KyoaError(
          'INVALID_OPTION',
          'auth set() needs the user, as auth has the option key: set(token, user)',
        );
      await replace('set', checkedToken('auth set()', token, isBearer), user ?? '');
    },
    clear: (user?: string) => replace('clear', null, user),
  });
}

function isIdle(session: { readonly isIdle: boolean }): boolean {
  return session.isIdle;
}
