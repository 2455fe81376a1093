/** Reads on after a break: whether and how a further request is sent, and whether its response continues the body. */
import { attemptOf, type Context, type Next } from '../../core/context.ts';
import type { BodyContinuation, BodyReader, CopyContinuation } from '../../core/engine/transport-protocol.ts';
import { sleep } from '../../core/engine/timers.ts';
import { KyoaError, withoutUrlSecrets } from '../../core/errors.ts';
import type { Fact } from '../../core/events.ts';
import type { Backoff } from '../../lib/backoff.ts';
import { noteAttempts } from '../../lib/attempt-notes.ts';
import { discard } from '../../lib/body/discard.ts';
import { concat, type Bytes } from '../../lib/body/streams.ts';
import type { Budget } from '../../lib/budget.ts';
import { discardOutcome, isTransient, settle, suggestedDelay } from '../../lib/outcome.ts';
import { partOf, restOf, strongValidator } from './partial-response.ts';

export interface ContinuationRules {
  readonly continuations: number;
  readonly backoff: Backoff;
  readonly compare: number;
  readonly random: () => number;
}

type Reason = Extract<Fact, { type: 'resume.abandoned' }>['reason'];

/** A closure, so that a call whose body does not break off makes two functions, and a bundle has short names for the rest. */
export function continuation(
  ctx: Context,
  next: Next,
  rules: ContinuationRules,
  budget: Budget | false,
  { status, headers, type }: Pick<Response, 'status' | 'headers' | 'type'>, // not the Response, which may be collected unread
): BodyContinuation {
  const isBreak = (error: unknown): boolean => !ctx.aborted && isTransient(error);
  /** A page does not see all headers of another origin, and `If-Range` in a request to it needs a preflight. */
  const isCrossOrigin = type === 'cors';

  const forCopy = (): CopyContinuation => {
    /** The headers of the last response that began with the first byte. */
    let first = headers;
    /** What the reader has, if no validator can prove that a further response belongs to it; `false` if that is too long. */
    let kept: Bytes[] | false | undefined;
    /** The further requests since the last byte. */
    let requests = 0;
    let acceptsRanges = status === 200 && ctx.header('range') === null;
    let work: AbortController | undefined;

    const keep = (bytes: Uint8Array, length: number): void => {
      requests = 0;
      kept ??= (isCrossOrigin || strongValidator(first) === undefined) && [];
      if (kept === false) return;
      if (length > rules.compare) kept = false;
      else kept.push(new Uint8Array(bytes)); // a copy, because the reader may change its chunk
    };

    const rest = async (error: unknown, offset: number, arrived: () => void): Promise<BodyReader> => {
      work ??= ctx.child();
      const { signal } = work;
      let suggested: number | undefined;
      let reason: Reason | undefined;
      while (reason === undefined) {
        const validator = strongValidator(first);
        const isEncoded = first.has('content-encoding');
        const range =
          offset > 0 && acceptsRanges && !isEncoded && validator !== undefined
            ? { range: `bytes=${offset}-`, 'if-range': isCrossOrigin ? undefined : validator }
            : undefined;
        const wait = suggested ?? rules.backoff(requests + 1, rules.random);
        if (kept === false && validator === undefined) reason = isEncoded ? 'encoded' : 'unsupported';
        else if (requests >= rules.continuations) reason = 'continuations';
        else if (performance.now() + wait >= (ctx.deadline ?? Infinity)) reason = 'deadline';
        else if (budget && !budget.withdraw()) reason = 'budget';
        if (reason !== undefined) break;
        requests += 1;

        const send = (): Promise<Response> =>
          next({ headers: range, signal: work, attempt: attemptOf(ctx).call.sent + 1 });
        const outcome = await settle(sleep(wait, signal).then(send));
        const { response } = outcome;
        if (signal.aborted) {
          discardOutcome(outcome);
          throw signal.reason;
        }
        suggested = suggestedDelay(outcome, Infinity);
        if (response === undefined) {
          if (!isTransient(outcome.error)) reason = 'refused';
          continue;
        }
        arrived();
        const part = partOf(status, first, response, offset, kept !== false, range);
        const found =
          typeof part === 'string'
            ? part
            : await restOf(response, part, offset, kept && concat(kept), arrived).catch((failure: unknown) => {
                if (isBreak(failure)) return 'busy' as const;
                throw failure;
              });
        discard(response); // unless it is being read
        if (typeof found !== 'string') {
          if (response.status === status) first = response.headers;
          ctx.emit({ type: range ? 'resume.continued' : 'resume.restarted', offset });
          return found;
        }
        if (found === 'unsuitable') acceptsRanges = false;
        else if (found !== 'busy') reason = found;
      }
      ctx.emit({ type: 'resume.abandoned', reason, offset, error });
      if (reason === 'changed') {
        const url = withoutUrlSecrets(ctx.url);
        const message = `The body of ${ctx.method} ${url} has changed after ${offset} bytes; request it again`;
        error = new KyoaError('BODY_CHANGED', message, { request: ctx, cause: error });
      }
      noteAttempts(error, ctx);
      throw error;
    };

    return { keep, rest, abort: () => work?.abort() };
  };

  return { isBreak, forCopy };
}
