import { call } from './policy.ts';
import type { Policy } from './policy.ts';

export const dedupe: Policy = {
  name: 'dedupe',
  title: 'dedupe',
  about: 'Calls for the same thing share one request while it is under way.',
  place: 'Outside idempotency and retry.',
  most: 1,
  initial: {},
  options: [],
  express: () => call('dedupe'),
};
