/** Who makes a call, as a middleware outside has named it. A token is renewed, and its user stays the same. */
import { privateState } from '../core/engine/private-state.ts';
import type { Context } from '../core/context.ts';

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
  identities.set(ctx.state, identity);
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
