/** The state of one outbox in this tab or process: its lanes, and the callers that wait for their responses. */
import type { Context, Next } from '../core/context.ts';
import { IdempotencyError, KyoaError } from '../core/errors.ts';
import type { Storage } from '../core/storage.ts';
import { maxBufferedBody } from '../core/engine/http-constants.ts';
import { discard } from '../lib/body/discard.ts';
import { restoreResponse, serializeResponse } from '../lib/body/serialize-response.ts';
import { createResponse, responseHead } from '../lib/body/synthetic-response.ts';
import { noop } from '../lib/noop.ts';
import { discardOutcome, settle, type Outcome } from '../lib/outcome.ts';
import { writeKey } from '../lib/request/key-header.ts';
import type { Pipeline } from '../stack.ts';
import { Lane, type Ended } from './lane.ts';
import type { Policy } from './options.ts';
import { channelOf, Queue, type Entry, type Ticket } from './queue.ts';
import { Replay, whoMakes } from './replay.ts';
import { News, settledOf, type Settled } from './settled.ts';
import { isSameRequest, restoredRequest, storedRequest, type StoredRequest } from './stored-request.ts';
import { WaitingCall } from './waiting-call.ts';
import { listen, requestSync } from './wakes.ts';

export class Box {
  readonly #policy: Policy;
  /** By id. */
  readonly #calls = new Map<string, WaitingCall>();
  /** By channel. */
  readonly #lanes = new Map<string, Lane>();
  readonly #news = new News();
  #pipeline: Pipeline | undefined;
  #queue: Queue | undefined;
  #end: () => void = noop;

  constructor(policy: Policy) {
    this.#policy = policy;
    if (policy.storage !== undefined) this.#queue = new Queue(policy.storage, policy.name);
  }

  get queue(): Queue {
    if (this.#queue !== undefined) return this.#queue;
    throw new KyoaError('INVALID_OPTION', 'outbox is in no client yet: put it into use, or give it the option storage');
  }

  /** What waits is sent through the pipeline of the latest client that was made with this outbox. */
  connect(pipeline: Pipeline, storage: Storage): void {
    const isFirst = this.#pipeline === undefined;
    this.#pipeline = pipeline;
    if (this.#queue?.storage !== (this.#policy.storage ?? storage))
      this.#queue = new Queue(this.#policy.storage ?? storage, this.#policy.name);
    if (!isFirst) return;
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
    const fork = { headers: { 'Idempotency-Key': ctx.header('idempotency-key') ?? writeKey(ctx.id, policy.format) } };
    const request = await storedRequest(ctx, fork.headers, policy.maxBody);
    for (let other; (other = this.#calls.get(ctx.id)) !== undefined;) await other.response.catch(noop);
    const ticket: Ticket = {
      id: ctx.id,
      lane: policy.lane(ctx),
      user: await whoMakes(ctx, policy),
      method: ctx.method,
      url: ctx.url,
      since: Date.now(),
      keep: policy.keep,
    };
    ctx.signal.throwIfAborted();
    const { queue } = this;
    const former = await queue.append(ticket, request, policy.limit);
    if (former !== undefined && !isSameRequest(former.request, request))
      throw new IdempotencyError('IDEMPOTENCY_MISMATCH', ctx.id, { request: ctx });
    if (former?.result !== undefined) return replayed(former.result);

    const onAbort = (call: WaitingCall): void => {
      if (!call.isSent) void queue.remove(ticket.id).catch(noop);
    };
    const waiting = new WaitingCall({ ctx, next, fork, policy, ticket, request, onAbort });
    this.#calls.set(ticket.id, waiting);
    ctx.background(this.#lane(waiting.channel).wake('old'));
    return waiting.response.finally(() => this.#calls.delete(ticket.id));
  }

  async flush(): Promise<number> {
    await this.#wake('all', true);
    return (await this.queue.waiting()).length;
  }

  async drop(id: string): Promise<boolean> {
    const wasListed = await this.queue.remove(id);
    this.#news.tell();
    return wasListed;
  }

  settled(): AsyncGenerator<Settled, undefined> {
    return settledOf(() => this.queue, this.#news);
  }

  close(): void {
    this.#end();
    for (const lane of this.#lanes.values()) lane.close();
    this.#news.close();
  }

  get #tag(): string {
    return `kyoa-${this.#policy.name}`;
  }

  /** As `wake` of a lane, for all that have requests. */
  async #wake(ended: Ended, isForced = false): Promise<void> {
    const channels = new Set((await this.queue.waiting()).map(channelOf));
    await Promise.all(Array.from(channels, (channel) => this.#lane(channel).wake(ended, isForced)));
  }

  #hasPause(): boolean {
    for (const lane of this.#lanes.values()) if (lane.isPaused) return true;
    return false;
  }

  #lane(channel: string): Lane {
    const { lease, backoff } = this.#policy;
    let lane = this.#lanes.get(channel);
    if (lane === undefined) {
      lane = new Lane({
        queue: this.queue,
        channel,
        lease,
        backoff: (tries) => backoff(tries, Math.random),
        send: (ticket) => this.#send(ticket),
        onList: (waiting) => this.#answerUnlisted(channel, waiting),
        onPause: () => this.#keep(channel),
        onIdle: () => this.#lanes.delete(channel),
      });
      this.#lanes.set(channel, lane);
    }
    return lane;
  }

  /** Resolves to whether the request goes on waiting. */
  async #send(ticket: Ticket): Promise<boolean> {
    const call = this.#calls.get(ticket.id);
    if (call === undefined) return this.#replay(ticket);
    const stays = await call.send();
    if (!stays) await this.queue.answered(ticket, call.request);
    return stays;
  }

  async #replay(ticket: Ticket): Promise<boolean> {
    const { queue } = this;
    const entry = await queue.entry(ticket.id);
    if (entry === undefined) return (await queue.remove(ticket.id), false); // the storage has lost it
    const { request } = entry;
    let outcome: Partial<Entry> = entry;
    if (!isSettled(entry)) {
      const tried = await this.#try(ticket, request);
      if (tried === undefined) return true;
      outcome = tried;
    }
    await queue.settle(ticket, { ...outcome, request });
    if (outcome.result !== undefined) this.#calls.get(ticket.id)?.resolve(replayed(outcome.result));
    this.#news.tell();
    return false;
  }

  /** Sends a request that was kept. Resolves to its outcome, or to `undefined` if it goes on waiting. */
  async #try(ticket: Ticket, request: StoredRequest): Promise<Pick<Entry, 'result' | 'error'> | undefined> {
    const replay = new Replay(ticket, this.#policy);
    const options = { ...request.options, requestId: ticket.id, outbox: replay };
    const sent = this.#pipeline!(restoredRequest(request), undefined, { options, transport: {} });
    const outcome = await settle(sent);
    const { stays = outcome.response === undefined } = replay;
    if (!stays) return recordOf(outcome);
    discardOutcome(outcome);
    if (Date.now() - ticket.since <= ticket.keep) return undefined;
    const message = `The request has waited for more than ${ticket.keep} ms, and its last try was in vain`;
    return { error: { code: 'OUTBOX_EXPIRED', message } };
  }

  /** A pause has begun: callers do not wait for its end. */
  #keep(channel: string): void {
    for (const call of this.#calls.values()) if (call.channel === channel) call.keep();
    void requestSync(this.#tag).catch(noop);
  }

  /** Another tab or process has sent the request of a caller of this one. */
  async #answerUnlisted(channel: string, waiting: readonly Ticket[]): Promise<void> {
    const listed = new Set(waiting.map(({ id }) => id));
    for (const [id, call] of this.#calls) {
      if (call.channel !== channel || call.isSent || call.isOver || listed.has(id)) continue;
      const entry = await this.queue.entry(id);
      if (entry === undefined) call.reject(new DOMException('The request was dropped from the outbox', 'AbortError'));
      else if (entry.result !== undefined) call.resolve(replayed(entry.result));
      // Its response went to another caller. The server, and `idempotency`, know its key.
      else if (!listed.has(id)) await call.send();
    }
  }
}

function isSettled({ result, error }: Entry): boolean {
  return result !== undefined || error !== undefined;
}

async function recordOf({ response, error }: Outcome): Promise<Pick<Entry, 'result' | 'error'>> {
  if (response === undefined) return { error: { code: 'OUTBOX_FAILED', message: String(error) } };
  const { response: rest, text } = await serializeResponse(response, maxBufferedBody);
  if (text !== undefined) return { result: text };
  discard(rest);
  const { text: head } = await serializeResponse(createResponse(responseHead(response), null), 0);
  return { result: head! };
}

/** The stored response, for a repeat of the call. */
function replayed(result: string): Response {
  const response = restoreResponse(result);
  response.headers.set('Idempotency-Replayed', 'true');
  return response;
}
