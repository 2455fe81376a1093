/** A caller of this tab or process that waits until its request is sent, or kept for later. */
import type { Context, Fork, Next } from '../core/context.ts';
import { after, type Timer } from '../core/engine/timers.ts';
import { createResponse } from '../lib/body/synthetic-response.ts';
import { discardOutcome, settle, unwrap, type Outcome } from '../lib/outcome.ts';
import type { Policy } from './options.ts';
import { channelOf, type Ticket } from './records.ts';
import type { StoredRequest } from './stored-request.ts';

interface Parts {
  readonly ctx: Context;
  readonly next: Next;
  readonly fork: Fork;
  readonly policy: Policy;
  readonly ticket: Ticket;
  readonly request: StoredRequest;
  /** An earlier call was promised that the request is sent, so that it stays if this one is aborted. */
  readonly isPromised: boolean;
  /** Its caller has aborted it before it was sent. */
  readonly onLeft: () => void;
}

export class WaitingCall {
  readonly channel: string;
  readonly ticket: Ticket;
  readonly request: StoredRequest;
  readonly response: Promise<Response>;
  readonly #parts: Parts;
  readonly #timer: Timer;
  #resolve!: (response: Response | Promise<Response>) => void;
  #reject!: (error: unknown) => void;
  #isSent = false;
  #isOver = false;
  #isDropped = false;

  constructor(parts: Parts) {
    const { ctx, policy, ticket, request } = parts;
    this.#parts = parts;
    this.ticket = ticket;
    this.request = request;
    this.channel = channelOf(ticket);
    this.response = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#timer = after(policy.wait, () => this.keep());
    ctx.onAbort((reason) => this.#leave(reason));
  }

  /** Whether its request is on its way. */
  get isSent(): boolean {
    return this.#isSent;
  }

  /** Whether its caller no longer waits. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Sends the request as the caller made it. Resolves to whether it goes on waiting, then without its caller. */
  async send(): Promise<boolean> {
    const { ctx, policy, isPromised } = this.#parts;
    const outcome = await this.#outcome();
    if (this.#isOver) return (discardOutcome(outcome), isPromised); // aborted
    try {
      if (policy.when(outcome, ctx)) {
        discardOutcome(outcome);
        this.#isSent = false;
        if (this.#isDropped) this.drop();
        else this.keep();
        return !this.#isDropped;
      }
      this.resolve(unwrap(outcome));
    } catch (error) {
      this.reject(error);
    }
    return false;
  }

  /** Sends a request that is no longer listed, for its response: it is not kept. */
  async repeat(): Promise<void> {
    const outcome = await this.#outcome();
    if (this.#isOver) discardOutcome(outcome);
    else if (outcome.response !== undefined) this.resolve(outcome.response);
    else this.reject(outcome.error);
  }

  #outcome(): Promise<Outcome> {
    const { next, fork } = this.#parts;
    this.#isSent = true;
    clearTimeout(this.#timer);
    return settle(next(fork));
  }

  /** Its request is no longer listed. One that is on its way may still get a response. */
  drop(): void {
    this.#isDropped = true;
    if (this.#isSent || this.#isOver) return;
    this.reject(new DOMException('The request was dropped from the outbox', 'AbortError'));
  }

  #leave(reason: unknown): void {
    if (this.#isOver) return;
    this.reject(reason);
    if (!this.#isSent) this.#parts.onLeft();
  }

  /** Its request is sent later. */
  keep(): void {
    if (this.#isSent || this.#isOver) return;
    const { ctx, ticket } = this.#parts;
    ctx.emit({ type: 'outbox.kept' });
    this.resolve(keptResponse(ticket));
  }

  resolve(response: Response | Promise<Response>): void {
    this.#end();
    this.#resolve(response);
  }

  reject(error: unknown): void {
    this.#end();
    this.#reject(error);
  }

  #end(): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
  }
}

/** RFC 9110 §15.3.3: the request is accepted, and not yet executed. */
function keptResponse({ id, url }: Ticket): Response {
  const headers = [
    ['content-type', 'application/json'],
    ['outbox-id', id],
  ] as const;
  const head = {
    url: url.replace(/#.*$/s, ''),
    redirected: false,
    type: 'default',
    status: 202,
    statusText: 'Accepted',
    headers,
  } as const;
  return createResponse(head, { bytes: new TextEncoder().encode(JSON.stringify({ id })) });
}
