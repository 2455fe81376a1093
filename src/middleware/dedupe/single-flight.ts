/** One request for several callers. A caller that leaves does not affect the others; the last one to leave aborts it. */
import type { Context } from '../../core/context.ts';
import { LazyAbortController } from '../../core/engine/lazy-abort.ts';
import { discard } from '../../lib/body/discard.ts';
import { responseFactory, responseHead } from '../../lib/body/synthetic-response.ts';
import { isEventStream } from '../../lib/body/watch.ts';
import { sharedBody } from './shared-body.ts';

/** The place of the flight that calls with one key join. */
export interface Slot {
  flight: SingleFlight | undefined;
}

/** A caller that shares the request. */
interface Sharer {
  readonly deadline: number;
  readonly sendAlone: () => Promise<Response>;
  readonly resolve: (response: Response | Promise<Response>) => void;
  readonly reject: (error: unknown) => void;
}

/** A class, because every call has one, also the many calls that share with no other. */
export class SingleFlight {
  /** Aborts the request. */
  readonly work: LazyAbortController = new LazyAbortController();
  readonly #slot: Slot;
  readonly #maxBody: number;
  readonly #sharers: Sharer[] = [];

  /** A body of more than `maxBody` bytes is not shared. */
  constructor(slot: Slot, maxBody: number) {
    this.#slot = slot;
    this.#maxBody = maxBody;
  }

  /** The latest deadline of all sharers. `Infinity` until the first one has joined: a later one may have any deadline. */
  get deadline(): number {
    let latest = this.#sharers.length === 0 ? Infinity : -Infinity;
    for (const { deadline } of this.#sharers) latest = Math.max(latest, deadline);
    return latest;
  }

  /** Occupies the slot until `response` settles, or until the last sharer leaves. */
  start(response: Promise<Response>): void {
    this.#slot.flight = this;
    response.then((response) => this.#resolve(response)).catch((error: unknown) => this.#reject(error));
  }

  /**
   * Resolves to a Response of the caller's own, or to the result of `sendAlone` if the body cannot be shared. Rejects with
   * the reason of `ctx` as soon as that aborts.
   */
  join(ctx: Context, sendAlone: () => Promise<Response>): Promise<Response> {
    return new Promise((resolve, reject) => {
      const sharer = { deadline: ctx.deadline ?? Infinity, sendAlone, resolve, reject };
      this.#sharers.push(sharer);
      ctx.onAbort((reason) => {
        reject(reason);
        this.#leave(sharer, reason);
      });
    });
  }

  #leave(sharer: Sharer, reason: unknown): void {
    if (!this.#remove(sharer) || this.#sharers.length > 0) return;
    this.#clearSlot();
    this.work.abort(reason);
  }

  /** Whether the caller had not left yet. */
  #remove(sharer: Sharer): boolean {
    const index = this.#sharers.indexOf(sharer);
    if (index >= 0) this.#sharers.splice(index, 1);
    return index >= 0;
  }

  #clearSlot(): void {
    if (this.#slot.flight === this) this.#slot.flight = undefined;
  }

  #resolve(response: Response): void {
    this.#clearSlot();
    const first = this.#sharers[0];
    if (first === undefined) return discard(response);
    // A sharer that stays still aborts the request, and with it the body, when it leaves.
    if (this.#sharers.length === 1) return first.resolve(response);
    const others = this.#sharers.slice(1);
    if (response.body && canBeShared(response, this.#maxBody))
      return this.#share(response, response.body, first, others);
    this.#release(others, response.body ? undefined : () => response.clone());
    first.resolve(response);
  }

  #reject(error: unknown): void {
    this.#clearSlot();
    for (const sharer of this.#sharers) sharer.reject(error);
  }

  /** The first sharer gets the body as it arrives, the others get it whole. */
  #share(response: Response, body: NonNullable<Response['body']>, first: Sharer, others: readonly Sharer[]): void {
    const onCancel = (): void => this.#leave(first, new DOMException('Cancelled', 'AbortError'));
    const shared = sharedBody(body, this.#maxBody, onCancel, this.work.signal);
    const respond = responseFactory(responseHead(response));
    first.resolve(respond(shared.stream));
    shared.whole.then(
      (content) => {
        this.#release(others, content && (() => respond(content)));
        if (content !== undefined) this.#remove(first); // the request is over, and leaving must not abort it
      },
      () => this.#release(others, () => respond(shared.again())),
    );
  }

  /** Resolves those that have not left, each to a response of its own, or to a request of its own if there is none. */
  #release(sharers: readonly Sharer[], response: (() => Response) | undefined): void {
    for (const sharer of sharers) {
      if (this.#sharers.includes(sharer)) sharer.resolve((response ?? sharer.sendAlone)());
      this.#remove(sharer);
    }
  }
}

function canBeShared(response: Response, maxBody: number): boolean {
  if (isEventStream(response) || Number(response.headers.get('content-length')) > maxBody) return false;
  if (response.body?.locked !== false) return false; // another reader has the body, or `body` is no stream
  try {
    void new Response(null, response);
    return true;
  } catch {
    return false; // a status above 599, which only a transport can give a Response
  }
}
