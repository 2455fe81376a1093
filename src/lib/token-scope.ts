/** The origins that may receive a header with a token. The policy that adds it names them, and one inside it may choose another origin. */
import type { Context } from '../core/context.ts';
import { privateState } from '../core/engine/private-state.ts';
import { KyoaError } from '../core/errors.ts';

/** By header, in lower case. Keyed by `ctx.state`, which all forks of the call share. */
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
