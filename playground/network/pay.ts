/** `POST /api/pay`: the endpoint where a duplicate request costs money. */
import type { Ledger } from './ledger.ts';
import type { Reply } from './reply.ts';

export interface PayRequest {
  readonly lane: string;
  /** The Idempotency-Key. */
  readonly key: string | undefined;
  readonly body: unknown;
  /** Whether the fate of the request lets the server execute it, independent of the response. */
  readonly executed: boolean;
}

/**
 * An order with an Idempotency-Key is executed once, and a repeated request gets the same response. An order without a
 * key is executed each time it arrives.
 */
export async function pay(ledger: Ledger, { lane, key, body, executed }: PayRequest): Promise<Reply> {
  const order = typeof body === 'object' && body !== null && 'order' in body ? body.order : undefined;
  if (typeof order !== 'string' || order === '') {
    return { status: 400, body: { field: 'order', error: 'order must be a string' } };
  }
  const { executions, replayed } = await ledger.enter({ lane, order, key, executed });
  const headers: Record<string, string> = replayed ? { 'idempotency-replayed': 'true' } : {};
  return { status: 200, headers, body: { order, execution: key === undefined ? executions : Math.min(1, executions) } };
}
