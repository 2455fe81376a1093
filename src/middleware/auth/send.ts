/** One call with the user's token: its first attempt, and the one after its token was refused and renewed. */
import type { Context, Fork, Next } from '../../core/context.ts';
import { setIdentity, setTokenScope } from '../../lib/identity.ts';
import { discardOutcome, settle, unwrap, type When } from '../../lib/outcome.ts';
import { resendable } from '../../lib/resend.ts';
import { keep, type KeptOutcome } from './kept-outcome.ts';
import type { Current, Session } from './session.ts';

export interface SendOptions<T> {
  readonly apply: (token: T, ctx: Context) => Readonly<Record<string, string>>;
  readonly refused: When;
  readonly again: number;
  readonly scope?: readonly string[] | undefined;
}

/** `user`: what `key` has returned. */
export async function send<T extends object>(
  session: Session<T>,
  { apply, refused, again, scope }: SendOptions<T>,
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
  if (scope !== undefined) setTokenScope(ctx, names, scope);

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
