import { name } from '../expression.ts';
import { call, choice, declared, members, schemas } from './policy.ts';
import type { Policy } from './policy.ts';

export const latest: Policy = {
  name: 'latest',
  title: 'latest',
  about: 'A newer call aborts the older one, as in a search as you type.',
  place: 'Placed outside retry.',
  outside: ['retry'],
  most: 1,
  initial: {},
  options: declared(schemas.latest.options, [
    choice('key', 'Key', 'Calls with the same key replace each other.', ['byRoute', 'byOrigin']),
  ]),
  express: (given) => call('latest', members({ key: name(String(given.choice('key'))) })),
};
