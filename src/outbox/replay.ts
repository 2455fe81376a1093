/** One try to send a request that was kept. It runs through the whole stack, and the outbox recognizes it by this object. */
import type { Context, Next } from '../core/context.ts';
import { expectUser, OtherUserError, userOf } from '../lib/identity.ts';
import { discardOutcome, settle, unwrap } from '../lib/outcome.ts';
import { noteSentOnce } from '../lib/resend.ts';
import type { Policy } from './options.ts';
import type { Ticket } from './records.ts';

export class Replay {
  /** Whether the request goes on waiting. `undefined`: it has not come as far as the outbox. */
  stays: boolean | undefined;
  readonly #ticket: Ticket;
  readonly #policy: Policy;

  constructor(ticket: Ticket, policy: Policy) {
    this.#ticket = ticket;
    this.#policy = policy;
  }

  async send(ctx: Context, next: Next): Promise<Response> {
    const { user } = this.#ticket;
    if (user !== undefined) {
      const present = await whoMakes(ctx, this.#policy);
      if (present !== user) {
        this.stays = true;
        throw new OtherUserError(user);
      }
      expectUser(ctx, user); // it may be another one when the request is sent
    }
    noteSentOnce(ctx); // the lease of a process that was killed must not hold it up
    const outcome = await settle(next());
    try {
      this.stays = outcome.error instanceof OtherUserError || this.#policy.failed(outcome, ctx);
    } catch (error) {
      discardOutcome(outcome);
      throw error;
    }
    const age = Date.now() - this.#ticket.since;
    ctx.emit({ type: this.stays ? 'outbox.postponed' : 'outbox.sent', age });
    return unwrap(outcome);
  }
}

/** Who makes a call. */
export async function whoMakes(ctx: Context, { user }: Policy): Promise<string | undefined> {
  return user === undefined ? userOf(ctx) : user(ctx);
}
