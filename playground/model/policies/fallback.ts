import { thunk } from '../expression.ts';
import { call, members } from './policy.ts';
import type { Policy } from './policy.ts';

export const fallback: Policy = {
  name: 'fallback',
  title: 'fallback',
  about: 'Returns a substitute when the inner policies finally fail.',
  place: 'Outside retry.',
  most: 1,
  initial: {},
  options: [
    {
      name: 'note',
      label: 'Response',
      kind: 'text',
      unit: 'none',
      default: 'unavailable',
      help: 'The status field in the substitute, a JSON response with status 200.',
    },
  ],
  express: (given) => call('fallback', thunk(members({ status: String(given.choice('note')) }))),
};
