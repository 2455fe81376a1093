import { thunk } from '../expression.ts';
import { call, members } from './policy.ts';
import type { Policy } from './policy.ts';

export const fallback: Policy = {
  name: 'fallback',
  title: 'fallback',
  about: 'Returns a substitute response when all attempts have failed.',
  place: 'Placed outside retry.',
  outside: ['retry'],
  most: 1,
  initial: {},
  options: [
    {
      name: 'note',
      label: 'Status',
      kind: 'text',
      unit: 'none',
      default: 'unavailable',
      help: 'The member "status" in the JSON of the substitute.',
    },
  ],
  express: (given) => call('fallback', thunk(members({ status: String(given.choice('note')) }))),
};
