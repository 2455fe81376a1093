/** One response for all who ask for it under the same key: one of them runs, the others replay what came of it. */
import { maxBufferedBody } from '../../core/engine/http.ts';
import type { Context } from '../../core/context.ts';
import { IdempotencyError } from '../../core/errors.ts';
import { discard } from '../../lib/body/discard.ts';
import { acquireLease, type LeaseOutcome, type LeaseOptions } from '../../lib/lease.ts';
import { restoreResponse, serializeResponse, type Serialized } from '../../lib/body/serialize-response.ts';
import { sleep } from '../../core/engine/timers.ts';

export interface ExecuteOnceOptions extends LeaseOptions {
  /** The part of `key` that the caller knows. */
  readonly name: string;
  readonly request: Request;
  /** What one does while another runs. */
  readonly conflict: 'wait' | 'throw';
  /** Whether a response is kept; with any other the key is free again. */
  readonly isFinal: (response: Response) => boolean;
}

/** A waiting repeat looks again after so long, and then more and more seldom, ms. */
const shortestPoll = 25;
const longestPoll = 1_000;

/**
 * Rejects as `run` does, with `StorageError` when it could not begin, or with `IdempotencyError`. A response that is
 * there and cannot be recorded is still handed over.
 */
export async function executeOnce(
  ctx: Context,
  options: ExecuteOnceOptions,
  run: () => Promise<Response>,
): Promise<Response> {
  const { name, conflict } = options;
  let answer: Serialized | undefined;
  try {
    for (;;) {
      const turn = await waitForLease(ctx, { ...options, conflict: answer === undefined ? conflict : 'wait' });
      if (turn.state === 'done') {
        ctx.emit({ type: 'idempotency.replayed', key: name });
        return restore(turn.result);
      }
      const { holding } = turn;
      // On the client side to leave is to give the key back, at once, also when the transport is deaf to the abort.
      if (ctx.side === 'client') ctx.signal.addEventListener('abort', () => holding.release(), { once: true });
      try {
        answer ??= await executeAndSerialize(ctx, options, run);
        if (answer.text === undefined || (await holding.complete(answer.text))) return answer.response;
        // Given up for dead meanwhile: what the successor records is the answer for everybody.
      } finally {
        await holding.release();
      }
    }
  } catch (error) {
    if (answer === undefined) throw error;
    ctx.emit({ type: 'idempotency.unrecorded', key: name, error });
    return answer.response;
  }
}

type Turn = Extract<LeaseOutcome, { readonly state: 'mine' | 'done' }>;

async function waitForLease(ctx: Context, options: ExecuteOnceOptions): Promise<Turn> {
  const { name, request, conflict } = options;
  for (let poll = shortestPoll; ; poll = Math.min(2 * poll, longestPoll)) {
    ctx.signal.throwIfAborted();
    const found = await acquireLease(options);
    if (found.state === 'mismatch') throw new IdempotencyError('IDEMPOTENCY_MISMATCH', name, { request });
    if (found.state === 'mine' && found.inDoubt) ctx.emit({ type: 'idempotency.recovered', key: name });
    if (found.state !== 'held') return found;

    const retryAt = Date.now() + found.retryIn;
    if (conflict === 'throw') throw new IdempotencyError('IDEMPOTENCY_CONFLICT', name, { request, retryAt });
    if (poll === shortestPoll) ctx.emit({ type: 'idempotency.awaited', key: name });
    await sleep(Math.min(poll, found.retryIn), ctx.signal);
  }
}

async function executeAndSerialize(
  ctx: Context,
  { name, isFinal }: ExecuteOnceOptions,
  run: () => Promise<Response>,
): Promise<Serialized> {
  const response = await run();
  if (ctx.side === 'client' && ctx.signal.aborted) {
    discard(response); // it came too late, and nobody holds the key for it
    throw ctx.signal.reason;
  }
  if (!isFinal(response)) return { response };
  const answer = await serializeResponse(response, maxBufferedBody);
  if (answer.text === undefined) ctx.emit({ type: 'idempotency.unrecorded', key: name });
  return answer;
}

function restore(stored: string): Response {
  const response = restoreResponse(stored);
  response.headers.set('Idempotency-Replayed', 'true');
  return response;
}
