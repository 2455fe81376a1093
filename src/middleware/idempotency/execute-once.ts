/** Executes a request once per key: one call executes it under a lease, and its repeats get the stored response. */
import { maxBufferedBody } from '../../core/engine/http-constants.ts';
import type { Context } from '../../core/context.ts';
import { IdempotencyError } from '../../core/errors.ts';
import { discard } from '../../lib/body/discard.ts';
import { digest } from '../../lib/digest.ts';
import { acquireLease, watchLease, type LeaseOutcome, type LeaseOptions } from '../../lib/lease/lease.ts';
import type { Result } from '../../lib/lease/lease-record.ts';
import { restoreResponse, serializeResponse } from '../../lib/body/serialize.ts';
import { sleep } from '../../core/engine/timers.ts';

export interface ExecuteOnceOptions extends LeaseOptions {
  /** The idempotency key, as the caller gave it. `key` is the key of its entry in the store. */
  readonly idempotencyKey: string;
  /** Who makes the call. A response that is stored with another caller is not returned. */
  readonly caller: string | undefined;
  /** What a repeat does while another call holds the lease. */
  readonly conflict: 'wait' | 'throw';
  /** Whether a response is stored. After any other response the key is free again. */
  readonly isFinal: (response: Response) => boolean;
}

/** A waiting repeat reads the store at intervals that double from the shortest to the longest, ms. */
const shortestPoll = 25;
const longestPoll = 1_000;

/** A response, and what remains of it under the key: `undefined` for nothing, so that the key is free again. */
interface Executed {
  readonly response: Response;
  readonly result: string | null | undefined;
}

/**
 * Rejects as `run` does, with `StorageError` if the lease could not be acquired, or with `IdempotencyError`. If the
 * request was executed and its response cannot be stored, the caller still gets the response, and a repeat gets an
 * `IdempotencyError`.
 */
export async function executeOnce(
  ctx: Context,
  options: ExecuteOnceOptions,
  run: () => Promise<Response>,
): Promise<Response> {
  const { idempotencyKey, conflict, caller } = options;
  let executed: Executed | undefined;
  try {
    for (;;) {
      const turn = await waitForLease(ctx, { ...options, conflict: executed === undefined ? conflict : 'wait' });
      if (turn.state === 'done') {
        const response = await replay(ctx, options, turn);
        if (executed !== undefined) discard(executed.response);
        return response;
      }
      const { lease } = turn;
      // On the client an abort frees the key at once, even if the transport ignores the abort.
      if (ctx.side === 'client') ctx.signal.addEventListener('abort', () => lease.release(), { once: true });
      try {
        executed ??= await executeAndSerialize(ctx, options, run);
        const { response, result } = executed;
        if (result === undefined) return response;
        const cookies = response.headers.has('set-cookie') ? await cookiesOf(ctx) : undefined;
        if (await lease.complete({ result, cookies, caller })) return response;
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
  const watch = watchLease();
  for (let poll = shortestPoll; ; poll = Math.min(2 * poll, longestPoll)) {
    ctx.signal.throwIfAborted();
    const found = await acquireLease(options, watch);
    if (found.state === 'mismatch')
      throw new IdempotencyError('IDEMPOTENCY_MISMATCH', idempotencyKey, { request: ctx });
    if (found.state === 'acquired' && found.inDoubt) ctx.emit({ type: 'idempotency.recovered', key: idempotencyKey });
    if (found.state !== 'held') return found;

    // A lease that has expired is no conflict yet: if its holder is dead, this call takes over.
    const isConflict = found.retryIn > 0 || watch.renewed();
    if (conflict === 'throw' && isConflict) {
      const retryAt = Date.now() + found.retryIn;
      throw new IdempotencyError('IDEMPOTENCY_CONFLICT', idempotencyKey, { request: ctx, retryAt });
    }
    if (poll === shortestPoll) ctx.emit({ type: 'idempotency.awaited', key: idempotencyKey });
    await sleep(Math.min(poll, found.lookIn), ctx.signal);
  }
}

async function executeAndSerialize(
  ctx: Context,
  { idempotencyKey, isFinal }: ExecuteOnceOptions,
  run: () => Promise<Response>,
): Promise<Executed> {
  const response = await run();
  if (ctx.side === 'client' && ctx.signal.aborted) {
    discard(response); // the abort has released the key
    throw ctx.signal.reason;
  }
  if (!isFinal(response)) return { response, result: undefined };
  const { broken, text = null, ...executed } = await serializeResponse(response, maxBufferedBody);
  if (text === null) ctx.emit({ type: 'idempotency.unrecorded', key: idempotencyKey });
  // On the client a body that broke off is a failure of the network. In a handler the work is done.
  const isFailure = broken === true && ctx.side === 'client';
  return { ...executed, result: isFailure ? undefined : text };
}

async function replay(ctx: Context, { idempotencyKey, caller }: ExecuteOnceOptions, stored: Result): Promise<Response> {
  const { result, cookies } = stored;
  if (caller !== stored.caller) throw new IdempotencyError('IDEMPOTENCY_MISMATCH', idempotencyKey, { request: ctx });
  if (result === null) throw new IdempotencyError('IDEMPOTENCY_UNRECORDED', idempotencyKey, { request: ctx });
  const response = restoreResponse(result);
  // A cookie may be that of a session, which only its own browser may have.
  if (response.headers.has('set-cookie') && cookies !== (await cookiesOf(ctx))) response.headers.delete('set-cookie');
  response.headers.set('Idempotency-Replayed', 'true');
  ctx.emit({ type: 'idempotency.replayed', key: idempotencyKey });
  return response;
}

function cookiesOf(ctx: Context): Promise<string> {
  return digest(ctx.header('cookie') ?? '');
}
