import { thunk } from '../expression.ts';
import { call, members } from './policy.ts';
import type { Policy } from './policy.ts';

export const fallback: Policy = {
  name: 'fallback',
  title: 'fallback',
  about: 'A substitute when what is beneath fails for good.',
  place: 'Outside retry.',
  most: 1,
  initial: {},
  options: [
    {
      name: 'note',
      label: 'Answer',
      kind: 'text',
      unit: 'none',
      default: 'unavailable',
      help: 'The status in the substitute, a JSON 200.',
    },
  ],
  express: (given) => call('fallback', thunk(members({ status: String(given.choice('note')) }))),
};
