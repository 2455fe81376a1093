import { lane, good, bad } from '../spans.ts';
import type { Story } from '../timeline.ts';

export const story: Story = {
  title: 'fallback: on a good day it does nothing; after the last attempt has failed, the caller gets the substitute',
  days: [
    { name: 'A good day', lanes: [lane('call', good(0, 30)), lane('attempt 1', good(0, 30))] },
    {
      name: 'A bad day',
      lanes: [
        lane('call', good(0, 66, '{ users: [] }')),
        lane('attempt 1', bad(0, 18)),
        lane('attempt 2', bad(46, 64)),
      ],
    },
  ],
};
