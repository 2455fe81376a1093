/** `POST /api/pay`: the endpoint where a request too many costs money. */
import type { Ledger } from './ledger.ts';
import type { Reply } from './reply.ts';

export interface PayRequest {
  readonly lane: string;
  /** The Idempotency-Key. */
  readonly key: string | undefined;
  readonly body: unknown;
  /** Whether its fate lets the work be done, whatever its caller gets to hear. */
  readonly executed: boolean;
}

/**
 * Under an Idempotency-Key an order is executed once and a repeat gets the same answer; without one it is
 * executed each time it arrives.
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
