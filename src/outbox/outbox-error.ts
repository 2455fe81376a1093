/** The error of an outbox. */
import { KyoaError } from '../core/errors.ts';

export type OutboxErrorCode = 'OUTBOX_REFUSED' | 'OUTBOX_FULL' | 'OUTBOX_EXPIRED' | 'OUTBOX_FAILED';

/**
 * A request was not kept, or no longer. `OUTBOX_REFUSED`: it cannot be stored, and was not sent. `OUTBOX_FULL`: as many requests
 * wait as `limit` allows, and it was not sent. `OUTBOX_EXPIRED`: it has waited for longer than `keep`. `OUTBOX_FAILED`: its call has
 * failed with an error that no further try can avoid.
 *
 * @example
 * ```ts
 * import kyoa from 'kyoa';
 * import { outbox, OutboxError } from 'kyoa/outbox';
 *
 * const api = kyoa.extend({ use: (stack) => [outbox(), ...stack] });
 * try {
 *   await api.post('https://api.example.com/orders', { json: { id: 42 } });
 * } catch (error) {
 *   if (error instanceof OutboxError) console.warn(error.code, error.message);
 * }
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/outbox.md#errors
 */
export class OutboxError extends KyoaError {
  override name = 'OutboxError';
  declare readonly code: OutboxErrorCode;
}
