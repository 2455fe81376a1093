import { lane, good, aborted } from '../spans.ts';
import type { Story } from '../timeline.ts';

export const story: Story = {
  title:
    'timeout: on a good day it does nothing; on a bad day the limit ends an attempt that hangs, and the next attempt succeeds',
  days: [
    {
      name: 'A good day',
      lanes: [lane('call', good(0, 24)), lane('attempt 1', good(0, 24))],
      marks: [{ at: 60, text: 'headers' }],
    },
    {
      name: 'A bad day',
      lanes: [
        lane('call', good(0, 88)),
        lane('attempt 1', aborted(0, 60, 'TimeoutError')),
        lane('attempt 2', good(66, 88)),
      ],
      marks: [
        { at: 60, text: 'headers' },
        { at: 100, text: 'total' },
      ],
    },
  ],
};
