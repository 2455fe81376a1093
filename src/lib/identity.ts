/** Who makes a call, as a middleware outside has named it, and who may receive the token. A token is renewed, and its user stays the same. */
import { privateState } from '../core/engine/private-state.ts';
import type { Context, Middleware } from '../core/context.ts';
import { KyoaError } from '../core/errors.ts';

interface Identity {
  readonly user: string;
  /** Counts the tokens of the user. */
  readonly generation: number;
  /** The names of the headers that stand for the user, in lower case. */
  readonly headers: readonly string[];
}

/** Keyed by `ctx.state`, which all forks of the call share. */
const identities = privateState<Identity>();

export function setIdentity(ctx: Context, identity: Identity): void {
  const expected = expectedUsers.get(ctx.state);
  if (expected !== undefined && expected.user !== identity.user) throw new OtherUserError(expected.user);
  identities.set(ctx.state, identity);
}

/** Keyed by `ctx.state`. */
const expectedUsers = privateState<{ readonly user: string }>();

/** A request that was made by one user must not be sent as that of another one: then it fails with an `OtherUserError`. */
export function expectUser(ctx: Context, user: string): void {
  expectedUsers.set(ctx.state, { user });
}

export class OtherUserError extends Error {
  override name = 'OtherUserError';

  constructor(user: string) {
    super(`The request is one of ${user}, who is not signed in`);
  }
}

/** Errors because of which there was no token for a request, which was not sent. */
const renewalErrors = new WeakSet<object>();

export function noteRenewalError(error: unknown): void {
  if (typeof error === 'object' && error !== null) renewalErrors.add(error);
}

export function isRenewalError(error: unknown): boolean {
  return renewalErrors.has(error as object);
}

/** By middleware that names users: whom it would name for a call, before the call is sent. */
const users = new WeakMap<Middleware, UserOf>();

type UserOf = (ctx: Context) => Promise<string | undefined>;

export function setUserOf(middleware: Middleware, userOf: UserOf): void {
  users.set(middleware, userOf);
}

/** Who makes the call. `undefined`: no middleware of the stack can tell. */
export async function userOf(ctx: Context): Promise<string | undefined> {
  for (const middleware of ctx.stack) {
    const user = await users.get(middleware)?.(ctx);
    if (user !== undefined) return user;
  }
  return undefined;
}

/**
 * The headers of a request, with the name of the user in place of the headers that stand for the user. `isInFlight`: for
 * requests that share one response while they run. A request with a new token must not share the refusal of the former one.
 */
export function identifiedHeaders(ctx: Context, isInFlight = false): (readonly [name: string, value: string])[] {
  const headers = [...ctx.headers];
  const identity = identities.get(ctx.state);
  if (identity === undefined) return headers;
  const { user, generation } = identity;
  const others = headers.filter(([name]) => !identity.headers.includes(name));
  // A header cannot have these names.
  return [...others, [':user', user], ...(isInFlight ? [[':token', `${generation}`] as const] : [])];
}

/**
 * The origins that may receive a header with a token, by header, in lower case. The policy that adds it names them, and one
 * inside it may choose another origin. Keyed by `ctx.state`, which all forks of the call share.
 */
const scopes = privateState<Map<string, readonly string[]>>();

export function setTokenScope(ctx: Context, headers: readonly string[], origins: readonly string[]): void {
  const scope = scopes.get(ctx.state) ?? new Map<string, readonly string[]>();
  for (const name of headers) scope.set(name, origins);
  scopes.set(ctx.state, scope);
}

/**
 * For a policy that sends the request to another URL.
 *
 * @throws {KyoaError} `INVALID_OPTION`, if the request has a token that the origin may not receive
 */
export function checkTokenScope(ctx: Context, url: string): void {
  const scope = scopes.get(ctx.state);
  if (scope === undefined) return;
  const { origin } = new URL(url);
  for (const [name, origins] of scope) {
    if (origins.includes(origin) || ctx.header(name) === null) continue;
    const message = `auth scope has no ${origin}, to which endpoints or race sends the request: add it, if it may receive the token`;
    throw new KyoaError('INVALID_OPTION', message);
  }
}
