import { expect, test } from 'vitest';
import { IdempotencyError } from '../../../src/core/errors.ts';
import { keyProblem, longestKey, unusableKeyProblem } from '../../../src/middleware/idempotency/key-problem.ts';

const read = async (response: Response) => ({
  status: response.status,
  contentType: response.headers.get('content-type'),
  retryAfter: response.headers.get('retry-after'),
  ...((await response.json()) as { readonly title: string; readonly detail: string }),
});

test('unusableKeyProblem responds with 400 and describes a usable key', async () => {
  expect(await read(unusableKeyProblem('Idempotency-Key'))).toMatchObject({
    status: 400,
    contentType: 'application/problem+json',
    title: 'Idempotency-Key is missing or unusable',
    detail: `Send a key of 1 to ${longestKey} characters, a new one for each new request.`,
  });
});

test.each([
  ['IDEMPOTENCY_MISMATCH', 422, 'X-Key was used for another request', null],
  ['IDEMPOTENCY_CONFLICT', 409, 'A request with this key is in progress', '1'],
] as const)('keyProblem responds to %s with %i', async (code, status, title, retryAfter) => {
  const error = new IdempotencyError(code, 'order-42');
  const type = 'https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/';
  expect(await read(keyProblem('X-Key', error))).toMatchObject({
    status,
    contentType: 'application/problem+json',
    title,
    type,
    retryAfter,
    detail: error.message,
  });
});
