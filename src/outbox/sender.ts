/** Sends one request after another for the lanes of this tab or process: for a caller that waits, or as it was written down. */
import { maxBufferedBody } from '../core/engine/http-constants.ts';
import { discard } from '../lib/body/discard.ts';
import { restoreResponse, serializeHead, serializeResponse } from '../lib/body/serialize.ts';
import { discardOutcome, settle, type Outcome } from '../lib/outcome.ts';
import type { Pipeline } from '../stack.ts';
import type { Policy } from './options.ts';
import { OutboxError } from './outbox-error.ts';
import type { Queue } from './queue.ts';
import type { Entry, Ticket } from './records.ts';
import { Replay } from './replay.ts';
import type { News } from './settled.ts';
import { restoredRequest, type StoredRequest } from './stored-request.ts';
import type { WaitingCall } from './waiting-call.ts';

type Final = Pick<Entry, 'result' | 'error'>;

export class Sender {
  pipeline: Pipeline | undefined;
  /** By id. */
  readonly calls: Map<string, WaitingCall> = new Map();
  readonly #policy: Policy;
  readonly #news: News;
  /** What is to be written about requests that are over, by id. While the storage fails they are not sent again. */
  readonly #ends = new Map<string, () => Promise<unknown>>();

  constructor(policy: Policy, news: News) {
    this.#policy = policy;
    this.#news = news;
  }

  /** Whether it is still to be written down that the request is over. */
  isOver(id: string): boolean {
    return this.#ends.has(id);
  }

  /** A request is over: writes that down, now or when its turn comes again. */
  async end(id: string, write: () => Promise<unknown>): Promise<void> {
    this.#ends.set(id, write);
    await this.ended(id);
  }

  /** Resolves when it is written down that the request is over, if it is. */
  async ended(id: string): Promise<boolean> {
    const write = this.#ends.get(id);
    await write?.();
    if (this.#ends.get(id) === write) this.#ends.delete(id);
    return write !== undefined;
  }

  /** Resolves to whether the request goes on waiting. */
  async send(ticket: Ticket, queue: Queue): Promise<boolean> {
    const { id } = ticket;
    if (await this.ended(id)) return false;
    const call = this.calls.get(id);
    if (call === undefined || call.isOver) return this.#replay(ticket, queue);
    const stays = await call.send();
    if (!stays) await this.end(id, () => queue.answered(ticket, call.request));
    return stays;
  }

  /** Another tab or process has sent the requests of callers of this one, or has dropped them. */
  async answerUnlisted(channel: string, queue: Queue): Promise<void> {
    const isWaiting = (call: WaitingCall): boolean => call.channel === channel && !call.isSent && !call.isOver;
    const calls = [...this.calls].filter(([, call]) => isWaiting(call));
    if (calls.length === 0) return;
    const listed = new Set((await queue.waiting()).map(({ id }) => id)); // a call is listed before it waits
    for (const [id, call] of calls) {
      if (listed.has(id)) continue;
      const entry = await queue.entry(id);
      if (!isWaiting(call)) continue;
      if (entry === undefined) call.drop();
      else if (entry.result !== undefined) call.resolve(replayed(entry.result));
      else if (entry.error !== undefined) call.reject(new OutboxError(entry.error.code, entry.error.message));
      // Its response went to another caller. The server, and `idempotency`, know its key.
      else await call.repeat();
    }
  }

  async #replay(ticket: Ticket, queue: Queue): Promise<boolean> {
    const { id } = ticket;
    const entry = await queue.readableEntry(ticket);
    if (entry === undefined) return (await queue.remove(id), false); // the storage has lost it
    const { request, user } = entry;
    const final = entry.result === undefined && entry.error === undefined ? await this.#try(ticket, request) : entry;
    if (final === undefined) return true;
    const shorter = withoutBody(final);
    const write = (outcome: Final): Promise<void> => queue.settle(ticket, { ...outcome, request, user });
    await this.end(id, () => write(final).catch(() => write(shorter)));
    if (final.result !== undefined) this.calls.get(id)?.resolve(replayed(final.result));
    this.#news.tell();
    return false;
  }

  /** Sends a request that was kept. Resolves to its outcome, or to `undefined` if it goes on waiting. */
  async #try(ticket: Ticket, request: StoredRequest): Promise<Final | undefined> {
    const replay = new Replay(ticket, this.#policy);
    const options = { ...request.options, requestId: ticket.id, outbox: replay };
    let sent: Promise<Response>;
    try {
      sent = this.pipeline!(restoredRequest(request), undefined, { options, transport: {} });
    } catch (error) {
      return recordOf({ error }); // what is stored is no request, or its options are refused: no try can change it
    }
    const outcome = await settle(sent);
    const { stays = outcome.response === undefined } = replay;
    if (!stays) return recordOf(outcome);
    discardOutcome(outcome);
    if (Date.now() - ticket.since <= ticket.keep) return undefined;
    const message = `The request has waited for more than ${ticket.keep} ms, and its last try was in vain`;
    return { error: { code: 'OUTBOX_EXPIRED', message } };
  }
}

async function recordOf({ response, error }: Outcome): Promise<Final> {
  if (response === undefined) return { error: { code: 'OUTBOX_FAILED', message: String(error) } };
  const { response: rest, text } = await serializeResponse(response, maxBufferedBody);
  discard(rest);
  if (text !== undefined) return { result: text };
  if (response.status !== 0) return { result: serializeHead(response) };
  return { error: { code: 'OUTBOX_FAILED', message: `Its response cannot be read: the type is ${response.type}` } };
}

/** For a storage that has no room for the body. */
function withoutBody({ result, ...final }: Final): Final {
  return result === undefined ? final : { result: serializeHead(restoreResponse(result)) };
}

/** The stored response, for a repeat of the call. */
export function replayed(result: string): Response {
  const response = restoreResponse(result);
  response.headers.set('Idempotency-Replayed', 'true');
  return response;
}
