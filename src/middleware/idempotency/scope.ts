/** Whose key it is: the default scopes. */
import type { Context } from '../../core/context.ts';
import { digest } from '../../lib/digest.ts';
import { identifiedHeaders } from '../../lib/identity.ts';
import { byOrigin, foreignOptions, isComparable, otherModes } from '../../lib/keys.ts';

/**
 * The headers by which servers distinguish their callers, recognised by their names: credentials, the user that a proxy
 * names (oauth2-proxy, AWS, Cloudflare Access, Google IAP, Azure, Envoy, Kong, Tailscale), and the host. A header too many
 * makes a repeat a new request; a header too few would give one user the response of another.
 */
const identifying =
  /auth|cookie|token|key|secret|passw|session|jwt|oidc|saml|assertion|credential|cert|ssl|user|email|login|(^|-)uid|principal|identity|subject|account|tenant|(^|-)org|workspace|merchant|member|customer|consumer|client-id|device|behalf|imperson|spiffe|msisdn|(^|-)(sub|dn|host)$/;
/** These do not identify a caller, and may be different in a repeat. */
const neutral = /user-agent|csrf|xsrf|^sec-|^idempotency-key$/;

/**
 * On the client the origin. In a handler a digest of the host and of every header that may identify the caller. `header` is
 * the one that has the idempotency key.
 */
export async function defaultScope(ctx: Context, header: string): Promise<string> {
  if (ctx.side === 'client') return byOrigin(ctx);
  const forwardedHost = /host="?([^";,]+)/i.exec(ctx.header('forwarded') ?? '')?.[1];
  return digest(JSON.stringify([new URL(ctx.url).host, forwardedHost, identityOf(ctx, header)]));
}

/**
 * Who makes a call, as a digest of the identifying headers and of the options that are not kyoa's own. On the client it is
 * no part of the scope, because a token may be renewed between a crash and the call that takes over.
 */
export function callerOf(ctx: Context, header: string): Promise<string> {
  const options = foreignOptions(ctx)
    .filter(([name]) => !otherModes.test(name))
    .map((option) => (isComparable(option) ? option : [option[0]]));
  return digest(JSON.stringify([identityOf(ctx, header), options]));
}

function identityOf(ctx: Context, header: string): (readonly [name: string, value: string])[] {
  return identifiedHeaders(ctx).filter(
    ([name]) => identifying.test(name) && !neutral.test(name) && name !== header.toLowerCase(),
  );
}
