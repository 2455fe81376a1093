/** What a handler answers to a request whose idempotency key it cannot go by, as the IETF draft says. */
import type { IdempotencyError } from '../../core/errors.ts';

/** The longest key that Stripe takes, too. */
export const longestKey = 255;

const type = 'https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/';

/** 400: there is no key, or none that can be kept. */
export function unusableKeyProblem(header: string): Response {
  const detail = `Send a key of 1 to ${longestKey} characters, a new one for each new request.`;
  return problem(400, { type, title: `${header} is missing or unusable`, detail });
}

/** 422: the key belongs to another request. 409: the request is under way. */
export function keyProblem(header: string, { code, message: detail }: IdempotencyError): Response {
  if (code === 'IDEMPOTENCY_MISMATCH')
    return problem(422, { type, title: `${header} was used for another request`, detail });
  return problem(409, { type, title: 'A request with this key is under way', detail }, { 'retry-after': '1' });
}

/** RFC 9457: what is wrong, in a form that programs read. */
interface Problem {
  readonly type: string;
  readonly title: string;
  readonly detail: string;
}

export function problem(status: number, facts: Problem, headers: Readonly<Record<string, string>> = {}): Response {
  const body = JSON.stringify({ ...facts, status });
  return new Response(body, { status, headers: { ...headers, 'content-type': 'application/problem+json' } });
}
