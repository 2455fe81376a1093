import { call } from './policy.ts';
import type { Policy } from './policy.ts';

export const dedupe: Policy = {
  name: 'dedupe',
  title: 'dedupe',
  about: 'Identical calls in flight share one request.',
  place: 'Outside idempotency and retry.',
  most: 1,
  initial: {},
  options: [],
  express: () => call('dedupe'),
};
