/** Sends each request with a token, and renews the token once for all callers. Placed outside `dedupe` and `retry`. */
import { asPolicy } from '../../core/compose.ts';
import type { Context, Fork, Middleware, Next } from '../../core/context.ts';
import { KyoaError } from '../../core/errors.ts';
import {
  count,
  delay,
  duration,
  fn,
  invalid,
  keyFn,
  policyOptions,
  storage,
  type PolicyOptions,
  type Settings,
} from '../../core/options.ts';
import type { Storage } from '../../core/storage.ts';
import { setIdentity, setUserOf } from '../../lib/identity.ts';
import type { Key } from '../../lib/keys.ts';
import { lruMap, type LruMap } from '../../lib/lru.ts';
import { discardOutcome, settle, unwrap, type When } from '../../lib/outcome.ts';
import { resendable } from '../../lib/request/resend.ts';
import { keep, type KeptOutcome } from './kept-outcome.ts';
import { Session, type Current, type Renewal, type SessionSettings } from './session.ts';

/**
 * A token as OAuth 2 has it (RFC 6749 §5.1). `renew` may return further members, which are stored with it.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/auth.md#tokens
 */
export interface Token {
  readonly access: string;
  readonly refresh?: string | undefined;
  /** When it expires, Unix ms. Without it, the token is renewed after a 401 only. */
  readonly expires?: number | undefined;
}

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

  const policy = asPolicy(
    options,
    async function auth(ctx, next) {
      const turn = turnOf(ctx);
      return turn === undefined ? next() : send(turn.session, turn.settings, ctx, next, turn.user);
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

async function send<T extends object>(
  session: Session<T>,
  { apply, refused, again }: Policy & { readonly apply: (token: T, ctx: Context) => Readonly<Record<string, string>> },
  ctx: Context,
  next: Next,
  user: string | undefined,
): Promise<Response> {
  let current = await session.current(ctx);
  if (current.token === null) return next();
  const headers = apply(current.token, ctx);
  const names = Object.keys(headers).map((name) => name.toLowerCase());
  if (names.some((name) => ctx.header(name) !== null)) return next();
  /** Without a name, each sign-in may be that of another user. */
  const identify = ({ generation, session }: Current<T>): void =>
    setIdentity(ctx, { user: user ?? session, generation, headers: names });
  const init = names.every((name) => redirectSafe.has(name)) ? {} : { init: { redirect: 'error', ...ctx.init } };
  identify(current);

  const copies = again > 0 ? resendable(ctx) : undefined;
  if (copies === undefined) return next({ headers, ...init } as Fork);
  try {
    let outcome = await settle(next({ headers, ...init } as Fork));
    let renewals = 0;
    // Once more than it renews, for a token that was renewed by others; not for each one that they renew.
    for (let sent = 1; sent <= again + 1 && !ctx.aborted && refused(outcome, ctx); sent += 1) {
      let kept: KeptOutcome = { restore: async () => outcome, discard: () => discardOutcome(outcome) };
      const fail = (error: unknown): never => {
        kept.discard();
        throw error;
      };
      // The token may have been renewed while the request was on its way.
      let newer = await session.newer(current.generation).catch(fail);
      if (newer === undefined) {
        if (renewals === again) break;
        renewals += 1;
        kept = keep(outcome);
        newer = await session.successor(current, ctx).catch(fail);
      }
      const { token } = newer;
      const isSameUser = user !== undefined || newer.session === current.session;
      const copy = token === null || !isSameUser ? undefined : await copies.next();
      if (token === null || copy === undefined) return unwrap(await kept.restore());
      current = newer;
      identify(current);
      kept.discard();
      outcome = await settle(next({ ...copy, headers: apply(token, ctx), ...init } as Fork));
    }
    return unwrap(outcome);
  } finally {
    copies.close?.();
  }
}

/** The headers that fetch removes from a redirect to another origin. With any other one, a redirect is an error. */
const redirectSafe = new Set(['authorization', 'cookie', 'proxy-authorization']);

function bearer(token: Token): Readonly<Record<string, string>> {
  return headerRecord('the result of auth apply', { authorization: `Bearer ${token.access}` });
}

/** A token as it will be read from the storage, as JSON. */
function checkedToken<T>(name: string, given: T, isBearer: boolean): T {
  const { access } = Object(given) as Partial<Token>;
  if (typeof given !== 'object' || given === null || (isBearer && typeof access !== 'string'))
    throw new KyoaError('INVALID_OPTION', `${name} must be an object${isBearer ? ' with access, a string' : ''}`);
  try {
    return JSON.parse(JSON.stringify(given)) as T;
  } catch {
    throw new KyoaError('INVALID_OPTION', `${name} must be an object that JSON can hold`);
  }
}

/** A new token that is said to have expired is used until it is refused: otherwise each call would renew it. */
function withLife<T extends object>(token: T): T {
  const { expires = Infinity } = token as { readonly expires?: number };
  return expires > Date.now() ? token : { ...token, expires: undefined };
}

/** What is no list of origins. The URL of an endpoint is a likely mistake. */
function origins(name: string, value: readonly string[]): readonly string[] {
  const isOrigin = (one: unknown): boolean =>
    typeof one === 'string' && URL.canParse(one) && new URL(one).origin === one;
  if (Array.isArray(value) && value.every(isOrigin)) return value;
  throw invalid(name, value, "a list of origins without a path, such as ['https://api.example.com']");
}

/** RFC 9110 §5.5. Fetch removes white space around it. */
const headerValue = /^\s*[\t\x20-\x7e\x80-\xff]*\s*$/;

function headerRecord(name: string, value: unknown): Readonly<Record<string, string>> {
  const values =
    typeof value === 'object' && value !== null && !(Symbol.iterator in value) ? Object.values(value) : [0];
  if (!values.every((one) => typeof one === 'string'))
    throw new KyoaError('INVALID_OPTION', `${name} must be an object of headers, such as { authorization: '...' }`);
  // The error of the platform would contain the token.
  if (!values.every((one) => headerValue.test(one)))
    throw new KyoaError('INVALID_OPTION', `${name} has a header with a line break or a character beyond Latin-1`);
  return value as Readonly<Record<string, string>>;
}

function isIdle(session: { readonly isIdle: boolean }): boolean {
  return session.isIdle;
}
