/** The order that the tests of this folder send, and what they read from its requests, responses and events. */
import type { KyoaEvent } from 'kyoa';

import type { Stub } from '../../support/call.ts';

export const url = 'http://api.example/orders';

export const order = { method: 'POST', body: 'one ticket' };

export const uuid = /^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/;

/** The idempotency keys of the requests that the transport received. */
export function keysOf({ sent }: Stub): (string | null)[] {
  return sent.map(({ headers }) => headers.get('idempotency-key'));
}

/** The types of the events of the policy, in order. */
export function typesOf({ events }: { readonly events: readonly KyoaEvent[] }): string[] {
  return events.map(({ type }) => type).filter((type) => type.startsWith('idempotency'));
}

/** `'true'` for a response that the policy replayed, otherwise `null`. */
export function replayed(response: Response): string | null {
  return response.headers.get('idempotency-replayed');
}

/** Responds to each request with its number. */
export function numbered(status = 200): (attempt: number) => Response {
  return (attempt) => new Response(`response ${attempt}`, { status });
}
