/** The state of one outbox in this tab or process: its lanes, and the callers that wait for their responses. */
import type { Context, Next } from '../core/context.ts';
import { IdempotencyError, KyoaError } from '../core/errors.ts';
import type { Storage } from '../core/storage.ts';
import { noop } from '../lib/noop.ts';
import { writeKey } from '../lib/resend.ts';
import type { Pipeline } from '../stack.ts';
import { Lane, type Ended } from './lane.ts';
import type { Policy } from './options.ts';
import { Queue, type Appended } from './queue.ts';
import { channelOf, finite, type Ticket } from './records.ts';
import { whoMakes } from './replay.ts';
import { replayed, Sender } from './sender.ts';
import { News, settledOf, type Settled } from './settled.ts';
import { isSameRequest, storedRequest, type StoredRequest } from './stored-request.ts';
import { Turns } from './keyed-lock.ts';
import { WaitingCall } from './waiting-call.ts';
import { listen, requestSync } from './wake-ups.ts';

export class Box {
  readonly #policy: Policy;
  /** By id: a repeat waits for the end of the call before it. */
  readonly #ids = new Turns();
  /** By lane: requests are written down in the order of their calls, though a form takes longer to read than a text. */
  readonly #order = new Turns();
  /** By channel. */
  readonly #lanes = new Map<string, Lane>();
  readonly #news = new News();
  readonly #sender: Sender;
  #isConnected = false;
  #queue: Queue | undefined;
  #end: () => void = noop;

  constructor(policy: Policy) {
    this.#policy = policy;
    this.#sender = new Sender(policy, this.#news);
    if (policy.storage !== undefined) this.#queue = new Queue(policy.storage, policy.name);
  }

  get queue(): Queue {
    if (this.#queue !== undefined) return this.#queue;
    throw new KyoaError('INVALID_OPTION', 'outbox is in no client yet: put it into use, or give it the option storage');
  }

  get isClosed(): boolean {
    return this.#news.isClosed;
  }

  /** What waits is sent through the pipeline of the latest client that was made with this outbox. */
  connect(pipeline: Pipeline, storage: Storage): void {
    if (this.isClosed) return;
    this.#sender.pipeline = pipeline;
    const { storage: place = storage, name } = this.#policy;
    if (this.#queue?.storage !== place) {
      this.#closeLanes(); // they send what waits in the former storage
      this.#queue = new Queue(place, name);
    }
    if (this.#isConnected) return;
    this.#isConnected = true;
    const look = (): void => void this.#wake('none').catch(noop);
    const sync = async (): Promise<void> => {
      if ((await this.flush()) > 0) throw new Error('Requests still wait');
    };
    this.#end = listen(this.#tag, { online: () => void this.#wake('all').catch(noop), look, sync });
    queueMicrotask(look);
  }

  /** A call that is not kept. If it succeeds there is a network. */
  async pass(next: Next): Promise<Response> {
    const response = await next();
    if (response.ok && this.#hasPause()) void this.#wake('old').catch(noop);
    return response;
  }

  /** Writes the request down, and sends it when it is its turn. */
  async call(ctx: Context, next: Next, policy: Policy): Promise<Response> {
    const turn = this.#ids.take(ctx.id);
    try {
      await turn.came;
      return await this.#call(ctx, next, policy);
    } finally {
      turn.end();
    }
  }

  async #call(ctx: Context, next: Next, policy: Policy): Promise<Response> {
    const { id } = ctx;
    const { queue } = this;
    const fork = { headers: { 'Idempotency-Key': ctx.header('idempotency-key') ?? writeKey(id, policy.format) } };
    const { ticket, request, former } = await this.#write(ctx, fork.headers, policy, queue);
    if (former?.result !== undefined) return replayed(former.result);

    const isPromised = former !== undefined;
    const onLeft = (): void => {
      if (!isPromised) void this.#sender.end(id, () => queue.remove(id)).catch(noop);
    };
    const call = new WaitingCall({ ctx, next, fork, policy, ticket, request, isPromised, onLeft });
    this.#sender.calls.set(id, call);
    ctx.background(this.#lane(call.channel).wake('old'));
    return call.response.finally(() => this.#sender.calls.delete(id));
  }

  /** Writes the request of a call down, unless it is written already. */
  async #write(
    ctx: Context,
    added: Readonly<Record<string, string>>,
    policy: Policy,
    queue: Queue,
  ): Promise<Appended & { readonly request: StoredRequest }> {
    const { id, method, url } = ctx;
    const lane = policy.lane(ctx);
    const turn = this.#order.take(lane);
    ctx.onAbort(turn.end); // its body may have no end
    try {
      const request = await storedRequest(ctx, added, policy.maxBody);
      const user = await whoMakes(ctx, policy);
      await turn.came;
      await this.#sender.ended(id);
      ctx.signal.throwIfAborted();
      const ticket: Ticket = { id, lane, user, method, url, since: Date.now(), keep: finite(policy.keep) };
      const appended = await queue.append(ticket, request, policy.limit);
      const { former } = appended;
      if (former !== undefined && (former.user !== user || !isSameRequest(former.request, request)))
        throw new IdempotencyError('IDEMPOTENCY_MISMATCH', id, { request: ctx });
      return { ...appended, request };
    } finally {
      turn.end();
    }
  }

  /** Without those whose outcome is known, and is still to be written down. */
  async waiting(): Promise<readonly Ticket[]> {
    const tickets = await this.queue.waiting();
    return tickets.filter(({ id }) => !this.#sender.isOver(id));
  }

  async flush(): Promise<number> {
    await this.#wake('all', true);
    return (await this.waiting()).length;
  }

  async drop(id: string): Promise<boolean> {
    const wasListed = await this.queue.remove(id);
    this.#sender.calls.get(id)?.drop();
    this.#news.tell();
    void this.#wake('none').catch(noop); // those behind it need not wait for the end of its pause
    return wasListed;
  }

  settled(): AsyncIterableIterator<Settled> {
    return settledOf(() => this.queue, this.#news);
  }

  close(): void {
    this.#end();
    this.#news.close();
    this.#closeLanes();
    for (const call of this.#sender.calls.values()) call.keep();
  }

  get #tag(): string {
    return `kyoa-${this.#policy.name}`;
  }

  #closeLanes(): void {
    for (const lane of this.#lanes.values()) lane.close();
    this.#lanes.clear();
  }

  /** As `wake` of a lane, for all that have requests. */
  async #wake(ended: Ended, isForced = false): Promise<void> {
    if (!this.#isConnected) return;
    const channels = new Set((await this.queue.waiting()).map(channelOf));
    await Promise.all(Array.from(channels, (channel) => this.#lane(channel).wake(ended, isForced)));
  }

  #hasPause(): boolean {
    for (const lane of this.#lanes.values()) if (lane.isPaused) return true;
    return false;
  }

  #lane(channel: string): Lane {
    const present = this.#lanes.get(channel);
    if (present !== undefined) return present;
    const { lease, backoff } = this.#policy;
    const { queue } = this;
    const lane: Lane = new Lane({
      queue,
      channel,
      lease,
      backoff: (tries) => backoff(tries, Math.random),
      send: (ticket) => this.#sender.send(ticket, queue),
      onUnlisted: () => this.#sender.answerUnlisted(channel, queue),
      onPause: () => this.#keep(channel),
      onIdle: () => {
        if (this.#lanes.get(channel) === lane) this.#lanes.delete(channel);
      },
    });
    if (this.isClosed) lane.close();
    else this.#lanes.set(channel, lane);
    return lane;
  }

  /** A pause has begun: callers do not wait for its end. */
  #keep(channel: string): void {
    for (const call of this.#sender.calls.values()) if (call.channel === channel) call.keep();
    void requestSync(this.#tag).catch(noop);
  }
}
