import { call } from './policy.ts';
import type { Policy } from './policy.ts';

export const dedupe: Policy = {
  name: 'dedupe',
  title: 'dedupe',
  about: 'Identical calls share one request while it is in flight.',
  place: 'Placed outside idempotency and retry.',
  outside: ['idempotency', 'retry'],
  most: 1,
  initial: {},
  options: [],
  express: () => call('dedupe'),
};
