/** Reads on after a break: whether and how a further request is sent, and whether its response continues the body. */
import { attemptOf, type Context, type Fork, type Next } from '../../core/context.ts';
import { transientStatuses } from '../../core/engine/http-constants.ts';
import type { BodyContinuation, BodyReader } from '../../core/engine/transport-protocol.ts';
import { sleep } from '../../core/engine/timers.ts';
import { KyoaError, withoutUrlSecrets } from '../../core/errors.ts';
import type { Fact } from '../../core/events.ts';
import type { Backoff } from '../../lib/backoff.ts';
import { noteAttempts } from '../../lib/attempts.ts';
import { discard } from '../../lib/body/discard.ts';
import { concat, type Bytes } from '../../lib/body/streams.ts';
import type { Budget } from '../../lib/budget.ts';
import { noop } from '../../lib/noop.ts';
import { isTransient, settle, suggestedDelay } from '../../lib/outcome.ts';
import { partOf, representationOf, RestReader, type Representation } from './rest.ts';

export interface ContinuationRules {
  readonly continuations: number;
  readonly backoff: Backoff;
  readonly compare: number;
  readonly random: () => number;
}

type Reason = Extract<Fact, { type: 'resume.abandoned' }>['reason'];

/** A class, and all of it is made at the first break, because most bodies do not break off. */
export class Continuation implements BodyContinuation {
  readonly #ctx: Context;
  readonly #next: Next;
  readonly #rules: ContinuationRules;
  readonly #budget: Budget | false;
  /** Not the Response, which may be collected unread. */
  readonly #status: number;
  readonly #headers: Headers;
  readonly #type: ResponseType;
  /** A page does not see all headers of another origin, and `If-Range` in a request to it needs a preflight. */
  readonly #isCrossOrigin: boolean;
  readonly #copies: Continuation[] = [];
  #work: AbortController | undefined;
  #representation: Representation | undefined;
  /** What the reader has, if no validator can prove that a further response belongs to it; `false` if that is too long. */
  #kept: Bytes[] | false | undefined;
  #keptLength = 0;
  /** The bytes that the reader had at the last break, and the requests since then. */
  #reached = 0;
  #requests = 0;
  #acceptsRanges = true;

  constructor(
    ctx: Context,
    next: Next,
    rules: ContinuationRules,
    budget: Budget | false,
    response: Pick<Response, 'status' | 'headers' | 'type'>,
  ) {
    this.#ctx = ctx;
    this.#next = next;
    this.#rules = rules;
    this.#budget = budget;
    this.#status = response.status;
    this.#headers = response.headers;
    this.#type = response.type;
    this.#isCrossOrigin = response.type === 'cors';
  }

  forCopy(): BodyContinuation {
    const response = { status: this.#status, headers: this.#headers, type: this.#type };
    const copy = new Continuation(this.#ctx, this.#next, this.#rules, this.#budget, response);
    this.#copies.push(copy);
    return copy;
  }

  isBreak(error: unknown): boolean {
    return !this.#ctx.aborted && isTransient(error);
  }

  keep(bytes: Uint8Array): void {
    const kept = this.#kept ?? [];
    if (kept === false) return;
    this.#keptLength += bytes.byteLength;
    const isProved = this.#first.validator !== undefined && !this.#isCrossOrigin;
    if (isProved || this.#keptLength > this.#rules.compare) this.#kept = false;
    else {
      kept.push(new Uint8Array(bytes)); // a copy, because the reader may change its chunk
      this.#kept = kept;
    }
  }

  end(complete: boolean): void {
    this.#kept = false;
    if (!complete) this.#work?.abort();
    for (const copy of this.#copies.splice(0)) copy.end(complete);
  }

  async rest(error: unknown, offset: number, arrived: () => void): Promise<BodyReader> {
    const work = (this.#work ??= this.#ctx.child());
    if (offset > this.#reached) this.#requests = 0;
    this.#reached = offset;
    let suggested: number | undefined;
    for (;;) {
      const range = this.#rangeFrom(offset);
      const wait = suggested ?? this.#rules.backoff(this.#requests + 1, this.#rules.random);
      const refusal = this.#refusal(range, offset, wait);
      if (refusal !== undefined) throw this.#abandon(refusal, offset, error);
      this.#requests += 1;

      const outcome = await settle(this.#send(range, wait, work));
      const { response } = outcome;
      if (work.signal.aborted) {
        if (response !== undefined) discard(response);
        throw work.signal.reason;
      }
      suggested = suggestedDelay(outcome, Infinity);
      if (response !== undefined) arrived();
      if (response === undefined) {
        if (!isTransient(outcome.error)) throw this.#abandon('refused', offset, error);
        this.#acceptsRanges &&= !this.#isCrossOrigin; // an old browser asks the server first, which may refuse
      } else if (transientStatuses.includes(response.status)) {
        discard(response);
      } else if (!response.ok && response.status !== 416) {
        discard(response);
        throw this.#abandon('refused', offset, error);
      } else {
        const reader = await this.#readerOf(response, offset, range, arrived);
        if (reader === 'changed') throw this.#abandon(reader, offset, error);
        if (reader !== undefined) {
          this.#ctx.emit({ type: range === undefined ? 'resume.restarted' : 'resume.continued', offset });
          return reader;
        }
      }
    }
  }

  get #first(): Representation {
    return (this.#representation ??= representationOf(this.#status, this.#headers));
  }

  /** The headers that ask for the rest; `undefined` if the whole must be requested. */
  #rangeFrom(offset: number): Fork['headers'] {
    const { status, validator, isEncoded } = this.#first;
    const isWhole = status === 200 && this.#ctx.header('range') === null;
    if (offset === 0 || !isWhole || isEncoded || validator === undefined || !this.#acceptsRanges) return undefined;
    return { range: `bytes=${offset}-`, ...(!this.#isCrossOrigin && { 'if-range': validator }) };
  }

  /** Why no further request is sent. */
  #refusal(range: Fork['headers'], offset: number, wait: number): Reason | undefined {
    const { isEncoded, validator } = this.#first;
    const { deadline } = this.#ctx;
    if (range === undefined && validator === undefined && !this.#hasKept(offset))
      return isEncoded ? 'encoded' : 'unsupported';
    if (this.#requests >= this.#rules.continuations) return 'continuations';
    if (deadline !== undefined && performance.now() + wait >= deadline) return 'deadline';
    return this.#budget && !this.#budget.withdraw() ? 'budget' : undefined;
  }

  /** Whether it has the first `offset` bytes. */
  #hasKept(offset: number): boolean {
    return offset === 0 || (this.#kept !== false && this.#keptLength >= offset);
  }

  async #send(headers: Fork['headers'], wait: number, work: AbortController): Promise<Response> {
    await sleep(wait, work.signal);
    const { sent } = attemptOf(this.#ctx).call;
    return this.#next({ headers, signal: work, attempt: sent + 1 });
  }

  /** `undefined` if a further request may bring the rest. */
  async #readerOf(
    response: Response,
    offset: number,
    range: Fork['headers'],
    arrived: () => void,
  ): Promise<BodyReader | 'changed' | undefined> {
    const part = partOf(this.#first, response, offset, range?.['if-range'] !== undefined);
    this.#acceptsRanges &&= part !== 'unsuitable';
    if (typeof part === 'string' || (part.isUnproved && !this.#hasKept(offset))) {
      discard(response);
      return part === 'unsuitable' ? undefined : 'changed';
    }
    const reader = new RestReader(response, offset - part.skip, part.length);
    try {
      const expected = part.isUnproved && this.#kept ? concat(this.#kept).subarray(0, offset) : undefined;
      if (!(await reader.skip(part.skip, expected, arrived))) {
        void reader.cancel().catch(noop);
        return 'changed';
      }
    } catch (error) {
      if (this.isBreak(error)) return undefined;
      throw error;
    }
    if (part.isWhole) this.#representation = representationOf(response.status, response.headers);
    return reader;
  }

  #abandon(reason: Reason, offset: number, error: unknown): unknown {
    const ctx = this.#ctx;
    ctx.emit({ type: 'resume.abandoned', reason, offset, error });
    let final = error;
    if (reason === 'changed') {
      const what = `The body of ${ctx.method} ${withoutUrlSecrets(ctx.url)} broke off after ${offset} bytes`;
      const message = `${what}, and the server has another version now; request it again`;
      final = new KyoaError('BODY_CHANGED', message, { request: ctx, cause: error });
    }
    noteAttempts(final, ctx);
    return final;
  }
}
