/** One request for many callers: whoever leaves harms nobody, and when all have left, it is aborted. */
import type { Context } from '../../core/context.ts';
import { LazyAbortController } from '../../core/engine/lazy-abort.ts';
import { LinkedList, type ListNode } from '../../core/engine/linked-list.ts';
import { isEventStream } from '../../lib/body/watch.ts';
import { discard } from '../../lib/body/discard.ts';
import { responseHead, responseFactory } from '../../lib/body/synthetic-response.ts';
import { sharedBody } from './shared-body.ts';

/** A caller. */
class Sharer implements ListNode<Sharer> {
  list: LinkedList<Sharer> | undefined;
  prev: Sharer | undefined;
  next: Sharer | undefined;
  readonly deadline: number;
  readonly alone: () => Promise<Response>;
  readonly resolve: (response: Response | Promise<Response>) => void;
  readonly reject: (error: unknown) => void;

  constructor(deadline: number, alone: Sharer['alone'], resolve: Sharer['resolve'], reject: Sharer['reject']) {
    this.deadline = deadline;
    this.alone = alone;
    this.resolve = resolve;
    this.reject = reject;
  }
}

type Run = (own: AbortController, deadline: () => number) => Promise<Response>;

/** A class, because there is one for every call, also for the many that nobody joins. */
export class SingleFlight {
  readonly #longest: number;
  readonly #onOver: () => void;
  readonly #work = new LazyAbortController();
  readonly #aboard = new LinkedList<Sharer>();

  /** `onOver` is called when nobody can board any more: headers or an error are there, or all have left. */
  constructor(run: Run, longest: number, onOver: () => void) {
    this.#longest = longest;
    this.#onOver = onOver;
    run(this.#work, () => this.#latest()).then(
      (response) => {
        try {
          this.#land(response);
        } catch (error) {
          this.#crash(error);
        }
      },
      (error: unknown) => this.#crash(error),
    );
  }

  /**
   * A Response of one's own, or what `alone` gives when the body is too long to share. Rejects with the reason of
   * `ctx` as soon as it aborts.
   */
  join(ctx: Context, alone: () => Promise<Response>): Promise<Response> {
    return new Promise((resolve, reject) => {
      const passenger = new Sharer(ctx.deadline ?? Infinity, alone, resolve, reject);
      this.#aboard.add(passenger);
      ctx.onAbort((reason) => {
        reject(reason);
        this.#leave(passenger, reason);
      });
    });
  }

  #leave(passenger: Sharer, reason: unknown): void {
    if (!this.#aboard.delete(passenger) || this.#aboard.size > 0) return;
    this.#onOver();
    this.#work.abort(reason);
  }

  #land(response: Response): void {
    this.#onOver();
    const { first } = this.#aboard;
    if (first === undefined) return discard(response);
    if (this.#aboard.size === 1) return first.resolve(response); // still aboard: to leave is to abort
    const others = [...this.#aboard].slice(1);
    if (response.body && canBeShared(response, this.#longest))
      return this.#share(response, response.body, first, others);
    this.#disembark(others, response.body ? undefined : () => response.clone());
    first.resolve(response);
  }

  #crash(error: unknown): void {
    this.#onOver();
    for (const passenger of this.#aboard) passenger.reject(error);
  }

  #share(response: Response, body: NonNullable<Response['body']>, first: Sharer, others: readonly Sharer[]): void {
    const cancelled = (): void => this.#leave(first, new DOMException('Cancelled', 'AbortError'));
    const shared = sharedBody(body, this.#longest, cancelled, this.#work.signal);
    const respond = responseFactory(responseHead(response));
    first.resolve(respond(shared.stream));
    shared.whole.then(
      (content) => {
        this.#disembark(others, content && (() => respond(content)));
        if (content !== undefined) this.#aboard.delete(first); // there is nothing left to abort
      },
      () => this.#disembark(others, () => respond(shared.again())),
    );
  }

  /** Without a response for each they go on alone. */
  #disembark(passengers: readonly Sharer[], response: (() => Response) | undefined): void {
    for (const passenger of passengers) {
      if (passenger.list === this.#aboard) passenger.resolve((response ?? passenger.alone)());
      this.#aboard.delete(passenger);
    }
  }

  /** Of whoever can wait longest; nobody is aboard yet when the request is sent off. */
  #latest(): number {
    let latest = this.#aboard.size === 0 ? Infinity : -Infinity;
    for (const { deadline } of this.#aboard) latest = Math.max(latest, deadline);
    return latest;
  }
}

function canBeShared(response: Response, longest: number): boolean {
  if (isEventStream(response) || Number(response.headers.get('content-length')) > longest) return false;
  if (response.body?.locked !== false) return false; // read beneath us, or of somebody else's making
  try {
    void new Response(null, response);
    return true;
  } catch {
    return false; // a status above 599, which the platform takes from a wire only
  }
}
