/**
 * One request for several callers. It has an owner as long as it lasts: a caller that leaves does not affect the others,
 * and the last one to leave aborts it, before the headers and after them.
 */
import type { Context, Next } from '../../core/context.ts';
import { maxBufferedBody } from '../../core/engine/http-constants.ts';
import { LazyAbortController } from '../../core/engine/lazy-abort.ts';
import { discard } from '../../lib/body/discard.ts';
import type { Bytes } from '../../lib/body/streams.ts';
import { responseFactory, responseHead, type Content } from '../../lib/body/synthetic-response.ts';
import { isEventStream } from '../../lib/body/watch.ts';
import { noop } from '../../lib/noop.ts';
import { maxLead, SharedBody, type Reader } from './shared-body.ts';

/** The place of the flight that calls with one key join. */
export interface Slot {
  flight: SingleFlight | undefined;
}

/** A caller that shares the request. */
interface Sharer extends Reader {
  readonly deadline: number;
  readonly sendAlone: () => Promise<Response>;
  /** Settles the call, as `reject` does. Both are replaced then: what outlives the response must not refer to it. */
  resolve: (response: Response | Promise<Response>) => void;
}

/** A class, because every call has one, also the many calls that share with no other. */
export class SingleFlight {
  /** Aborts the request. */
  readonly #work = new LazyAbortController();
  readonly #slot: Slot;
  readonly #side: Context['side'];
  readonly #sharers: Sharer[] = [];
  #body: SharedBody | undefined;
  /** Lets the sharers wait no longer for the whole body. */
  #open: () => void = noop;

  /** Sends the request. It occupies the slot until the headers arrive, or until the last sharer leaves. */
  constructor(slot: Slot, ctx: Pick<Context, 'side' | 'deadline'>, next: Next) {
    this.#slot = slot;
    this.#side = ctx.side;
    slot.flight = this;
    /** The latest of all sharers. An attempt that is sent at once asks before the first one has joined. */
    const first = ctx.deadline ?? Infinity;
    const deadline = (): number => {
      let latest = this.#sharers.length === 0 ? first : -Infinity;
      for (const { deadline } of this.#sharers) latest = Math.max(latest, deadline);
      return latest;
    };
    next({ signal: this.#work, deadline })
      .then((response) => this.#resolve(response))
      .catch((error: unknown) => this.#reject(error));
  }

  /**
   * Resolves to a Response of the caller's own, or to the result of `sendAlone` if the body cannot be shared. Rejects with
   * the reason of `ctx` as soon as that aborts.
   */
  join(ctx: Context, sendAlone: () => Promise<Response>): Promise<Response> {
    return new Promise((resolve, reject) => {
      const sharer = { deadline: ctx.deadline ?? Infinity, sendAlone, resolve, reject, at: undefined };
      this.#sharers.push(sharer);
      ctx.onAbort((reason) => this.#leave(sharer, reason));
    });
  }

  #leave(sharer: Sharer, reason: unknown): void {
    const index = this.#sharers.indexOf(sharer);
    if (index < 0) return;
    this.#sharers.splice(index, 1);
    if (this.#body === undefined) sharer.reject(reason);
    else this.#body.close(sharer, reason);
    if (index === 0) this.#open();
    if (this.#sharers.length > 0 || this.#body?.isOver) return;
    this.#clearSlot();
    this.#work.abort(reason);
  }

  #clearSlot(): void {
    if (this.#slot.flight === this) this.#slot.flight = undefined;
  }

  #reject(error: unknown): void {
    this.#clearSlot();
    for (const sharer of this.#sharers) sharer.reject(error);
  }

  #resolve(response: Response): void {
    this.#clearSlot();
    const [first, ...others] = this.#sharers;
    if (first === undefined) return discard(response);
    const isForAll = this.#side === 'client' || !isForOneUser(response);
    if (others.length > 0 && isForAll && response.body && canBeShared(response))
      return this.#share(response, response.body);
    for (const other of others) settle(other, response.body || !isForAll ? other.sendAlone() : response.clone());
    settle(first, response);
    this.#sharers.splice(1); // the first one still aborts the request, and with it the body, when it leaves
  }

  /**
   * The first sharer gets the body as it arrives. The others get it whole, or as it arrives if it is long, or once the
   * first one has left: then a limit on the silence of the server must watch it for another one.
   */
  #share(response: Response, stream: ReadableStream<Bytes>): void {
    const respond = responseFactory(responseHead(response));
    const body = new SharedBody(stream, this.#sharers);
    this.#body = body;
    this.#work.onAbort((reason) => body.fail(reason));
    const open = (sharer: Sharer): void => {
      settle(sharer, respond(body.stream(sharer, (reason) => this.#leave(sharer, reason))));
    };

    const [first] = this.#sharers;
    open(first!);
    const isLong = lengthOf(response) > maxBufferedBody;
    const whole = new Promise<Content | undefined>((resolve, reject) => {
      this.#open = () => resolve(undefined);
      if (isLong) this.#open();
      else body.readAhead(maxBufferedBody).then(resolve, reject);
    });
    const deliver = (content: Content | undefined): void => {
      const others = this.#sharers.filter((sharer) => sharer !== first);
      if (content === undefined) return others.forEach(open);
      for (const other of others) {
        settle(other, respond(content));
        other.at = undefined; // it holds no chunks
      }
    };
    whole.then(deliver).catch((error: unknown) => this.#reject(error));
  }
}

/** Settles the call of a sharer. */
function settle(sharer: Sharer, response: Response | Promise<Response>): void {
  sharer.resolve(response);
  sharer.resolve = noop;
  sharer.reject = noop;
}

function lengthOf(response: Response): number {
  return Number(response.headers.get('content-length'));
}

/** RFC 9111 §5.2.2.5, §5.2.2.7 and §7.3. A handler may tell its visitors apart by more than their headers. */
function isForOneUser({ headers }: Response): boolean {
  return headers.has('set-cookie') || /(^|[\s,])(private|no-store)\b/i.test(headers.get('cache-control') ?? '');
}

function canBeShared(response: Response): boolean {
  // A sharer that reads such a body to its end would have to wait for one that reads its own only then.
  if (isEventStream(response) || lengthOf(response) > maxLead) return false;
  if (response.body?.locked !== false) return false; // another reader has the body, or `body` is no stream
  try {
    void new Response(null, response);
    return true;
  } catch {
    return false; // a status above 599, which only a transport can give a Response
  }
}
