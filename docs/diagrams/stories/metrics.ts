import { lane, good, bad } from '../spans.ts';
import type { Story } from '../timeline.ts';

export const story: Story = {
  title: 'metrics: the counts of a good call and of a failed call',
  days: [
    {
      name: 'calls 1, attempts 2, errors 0',
      lanes: [lane('call', good(0, 62)), lane('attempts', bad(0, 16), good(40, 62))],
    },
    {
      name: 'calls 1, attempts 3, errors 1',
      lanes: [lane('call', bad(0, 62)), lane('attempts', bad(0, 16), bad(24, 40), bad(46, 62))],
    },
  ],
};
