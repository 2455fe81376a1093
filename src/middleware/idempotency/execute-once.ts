/** Executes a request once per key: one call executes it under a lease, and its repeats get the stored response. */
import { maxBufferedBody } from '../../core/engine/http-constants.ts';
import type { Context } from '../../core/context.ts';
import { IdempotencyError } from '../../core/errors.ts';
import { discard } from '../../lib/body/discard.ts';
import { acquireLease, type LeaseOutcome, type LeaseOptions } from './lease.ts';
import { restoreResponse, serializeResponse, type Serialized } from '../../lib/body/serialize-response.ts';
import { sleep } from '../../core/engine/timers.ts';

export interface ExecuteOnceOptions extends LeaseOptions {
  /** The idempotency key, as the caller gave it. `key` is the key of its entry in the store. */
  readonly idempotencyKey: string;
  /** What a repeat does while another call holds the lease. */
  readonly conflict: 'wait' | 'throw';
  /** Whether a response is stored. After any other response the key is free again. */
  readonly isFinal: (response: Response) => boolean;
}

/** A waiting repeat reads the store at intervals that double from the shortest to the longest, ms. */
const shortestPoll = 25;
const longestPoll = 1_000;

/**
 * Rejects as `run` does, with `StorageError` if the lease could not be acquired, or with `IdempotencyError`. If the
 * request was executed and its response cannot be stored, the caller still gets the response.
 */
export async function executeOnce(
  ctx: Context,
  options: ExecuteOnceOptions,
  run: () => Promise<Response>,
): Promise<Response> {
  const { idempotencyKey, conflict } = options;
  let executed: Serialized | undefined;
  try {
    for (;;) {
      const turn = await waitForLease(ctx, { ...options, conflict: executed === undefined ? conflict : 'wait' });
      if (turn.state === 'done') {
        ctx.emit({ type: 'idempotency.replayed', key: idempotencyKey });
        return restore(turn.result);
      }
      const { lease } = turn;
      // On the client an abort frees the key at once, even if the transport ignores the abort.
      if (ctx.side === 'client') ctx.signal.addEventListener('abort', () => lease.release(), { once: true });
      try {
        executed ??= await executeAndSerialize(ctx, options, run);
        if (executed.text === undefined || (await lease.complete(executed.text))) return executed.response;
        // The lease expired while the request was running, and a successor took over: its stored response is the result.
      } finally {
        await lease.release();
      }
    }
  } catch (error) {
    if (executed === undefined) throw error;
    ctx.emit({ type: 'idempotency.unrecorded', key: idempotencyKey, error });
    return executed.response;
  }
}

type Turn = Extract<LeaseOutcome, { readonly state: 'acquired' | 'done' }>;

async function waitForLease(ctx: Context, options: ExecuteOnceOptions): Promise<Turn> {
  const { idempotencyKey, conflict } = options;
  for (let poll = shortestPoll; ; poll = Math.min(2 * poll, longestPoll)) {
    ctx.signal.throwIfAborted();
    const found = await acquireLease(options);
    if (found.state === 'mismatch')
      throw new IdempotencyError('IDEMPOTENCY_MISMATCH', idempotencyKey, { request: ctx });
    if (found.state === 'acquired' && found.inDoubt) ctx.emit({ type: 'idempotency.recovered', key: idempotencyKey });
    if (found.state !== 'held') return found;

    const retryAt = Date.now() + found.retryIn;
    if (conflict === 'throw')
      throw new IdempotencyError('IDEMPOTENCY_CONFLICT', idempotencyKey, { request: ctx, retryAt });
    if (poll === shortestPoll) ctx.emit({ type: 'idempotency.awaited', key: idempotencyKey });
    await sleep(Math.min(poll, found.retryIn), ctx.signal);
  }
}

async function executeAndSerialize(
  ctx: Context,
  { idempotencyKey, isFinal }: ExecuteOnceOptions,
  run: () => Promise<Response>,
): Promise<Serialized> {
  const response = await run();
  if (ctx.side === 'client' && ctx.signal.aborted) {
    discard(response); // the abort has released the key
    throw ctx.signal.reason;
  }
  if (!isFinal(response)) return { response };
  const executed = await serializeResponse(response, maxBufferedBody);
  if (executed.text === undefined) ctx.emit({ type: 'idempotency.unrecorded', key: idempotencyKey });
  return executed;
}

function restore(stored: string): Response {
  const response = restoreResponse(stored);
  response.headers.set('Idempotency-Replayed', 'true');
  return response;
}
