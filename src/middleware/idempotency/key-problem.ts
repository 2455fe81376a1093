/** The responses of a handler to a request whose idempotency key it cannot use, as the IETF draft defines them. */
import type { IdempotencyError } from '../../core/errors.ts';
import { problem } from '../../lib/problem-response.ts';

/** Stripe's limit. */
export const longestKey = 255;

const type = 'https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/';

/** 400: the request has no key, or one that cannot be stored. */
export function unusableKeyProblem(header: string): Response {
  const detail = `Send a key of 1 to ${longestKey} characters, a new one for each new request.`;
  return problem(400, { type, title: `${header} is missing or unusable`, detail });
}

/** 422: the key belongs to another request. 409: the request is running, or was executed and has no stored response. */
export function keyProblem(header: string, { code, message: detail }: IdempotencyError): Response {
  if (code === 'IDEMPOTENCY_MISMATCH')
    return problem(422, { type, title: `${header} was used for another request`, detail });
  if (code === 'IDEMPOTENCY_UNRECORDED')
    return problem(409, { type, title: 'The request with this key was executed', detail });
  return problem(409, { type, title: 'A request with this key is in progress', detail }, { 'retry-after': '1' });
}
