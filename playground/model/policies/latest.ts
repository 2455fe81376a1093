import { name } from '../expression.ts';
import { call, choice, members } from './policy.ts';
import type { Policy } from './policy.ts';

export const latest: Policy = {
  name: 'latest',
  title: 'latest',
  about: 'A newer call aborts the older one: search as you type.',
  place: 'Outside retry.',
  most: 1,
  initial: {},
  options: [choice('key', 'Key', ['byRoute', 'byOrigin'], 'Calls with the same key replace each other.')],
  express: (given) => call('latest', members({ key: name(String(given.choice('key'))) })),
};
