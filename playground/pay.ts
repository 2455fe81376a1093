/** `POST /api/pay`: the endpoint where a request too many costs money. */
import type { IncomingMessage } from 'node:http';
import type { Lane } from './lane.ts';
import type { Reply } from './reply.ts';

/**
 * Under an Idempotency-Key an order is executed once and a repeat gets the same answer; without one it is
 * executed each time it arrives. Not `executed`: the request fails before any work is done.
 */
export function pay(lane: Lane, req: IncomingMessage, body: unknown, executed: boolean): Reply {
  const order = typeof body === 'object' && body !== null && 'order' in body ? body.order : undefined;
  if (typeof order !== 'string' || order === '') {
    return { status: 400, body: { field: 'order', error: 'order must be a string' } };
  }

  const key = req.headers['idempotency-key'];
  if (typeof key === 'string' && lane.executions(key) > 0) {
    return { status: 200, headers: { 'idempotency-replayed': 'true' }, body: { order, execution: 1 } };
  }
  return { status: 200, body: { order, execution: executed ? lane.execute(String(key ?? order)) : 0 } };
}
