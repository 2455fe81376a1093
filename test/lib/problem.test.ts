import { expect, test } from 'vitest';

import { problem } from '../../src/lib/problem.ts';

test('a problem is an answer that programs can read', async () => {
  const facts = { type: 'https://example.com/problem', title: 'Too late', detail: 'It was "sold" – yesterday' };
  const response = problem(410, facts, { 'Retry-After': '5' });
  expect(response.status).toBe(410);
  expect(response.headers.get('content-type')).toBe('application/problem+json');
  expect(response.headers.get('retry-after')).toBe('5');
  expect(await response.json()).toEqual({ ...facts, status: 410 });
});
