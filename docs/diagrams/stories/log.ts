import { lane, good, bad } from '../spans.ts';
import type { Story } from '../timeline.ts';

export const story: Story = {
  title: 'log: a line is written when the call has settled; its level depends on the result',
  days: [
    {
      name: 'A good day',
      lanes: [lane('call', good(0, 40)), lane('line', good(40, 58, 'info'))],
    },
    {
      name: 'A bad day',
      lanes: [
        lane('call', bad(0, 62)),
        lane('attempts', bad(0, 16, ''), bad(24, 40, ''), bad(46, 62, '')),
        lane('line', bad(62, 80, 'error')),
      ],
    },
  ],
};
