/** What an outcome means for a request that is kept: whether the response is that of the server, and whether it is final. */
import type { Context } from '../core/context.ts';
import { KyoaError } from '../core/errors.ts';
import { isRenewalError } from '../lib/identity.ts';
import { byOrigin } from '../lib/keys.ts';
import { isTransient, type Outcome } from '../lib/outcome.ts';

/**
 * The default of the option `when` of `outbox()`: whether the call got no response of the server. That is an error of the network,
 * a limit that expired, a request that an open circuit or a full queue has held back, and the page of a captive portal.
 *
 * @example
 * ```ts
 * import { outbox, unreachable } from 'kyoa/outbox';
 *
 * const box = outbox({ when: (outcome, ctx) => unreachable(outcome, ctx) || outcome.response?.status === 503 });
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/outbox.md#when-a-request-is-kept
 */
export function unreachable({ response, error }: Outcome, ctx: Context): boolean {
  if (response !== undefined) return isPortal(response, ctx);
  return isTransient(error) || (error instanceof KyoaError && heldBack.has(error.code));
}

/** The request was not sent. */
const heldBack: ReadonlySet<string> = new Set(['CIRCUIT_OPEN', 'LIMIT_EXCEEDED', 'RENEWAL_TIMEOUT']);

/** The request was not sent, or another process sends it. */
const notYet: ReadonlySet<string> = new Set(['STORAGE', 'IDEMPOTENCY_CONFLICT']);

/** Statuses of a refusal that may not be the last word. A 401 waits for a new token. */
const passing = new Set([401, 408, 425, 429]);

/** The default of `failed`: whether a further try may bring a final response. */
export function staysWaiting(outcome: Outcome, ctx: Context): boolean {
  if (unreachable(outcome, ctx)) return true;
  const { error, response = (Object(error) as { readonly response?: Response }).response } = outcome;
  if (error instanceof KyoaError && notYet.has(error.code)) return true;
  if (response === undefined) return isRenewalError(error);
  return response.status >= 500 || passing.has(response.status);
}

/**
 * Whether the network has responded in place of the server: a captive portal sends its login page, or redirects to it. It can
 * do so only where the connection is not encrypted.
 */
function isPortal(response: Response, ctx: Context): boolean {
  const { url, redirected } = response;
  const isPage = /^text\/html\b/i.test(response.headers.get('content-type') ?? '');
  if (!isPage || !ctx.url.startsWith('http:')) return false;
  if (!redirected || byOrigin({ url }) === byOrigin(ctx)) return response.ok && !mayBePage(ctx);
  const isEncrypted = url.startsWith('https:') && new URL(url).hostname === new URL(ctx.url).hostname;
  return !isEncrypted; // the server itself asks for encryption
}

/** Whether the caller may have asked for a page: it has not, if it accepts other types only, or has sent JSON. */
function mayBePage(ctx: Context): boolean {
  const accept = ctx.header('accept') ?? '*/*';
  return accept.includes('*/*') ? !/\bjson\b/i.test(ctx.header('content-type') ?? '') : /text\/html/i.test(accept);
}
