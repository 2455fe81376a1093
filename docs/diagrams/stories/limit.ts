import { lane, good, bad, waiting } from '../spans.ts';
import type { Story } from '../timeline.ts';

export const story: Story = {
  title: 'limit: two calls run and the third waits for a permit; a full queue refuses the fourth at once',
  days: [
    {
      name: 'A good day',
      lanes: [lane('call 1', good(0, 40)), lane('call 2', good(6, 50)), lane('call 3', waiting(14, 40), good(40, 76))],
      marks: [{ at: 40, text: 'permit released' }],
    },
    {
      name: 'A bad day',
      lanes: [
        lane('call 1', good(0, 84)),
        lane('call 2', good(6, 90)),
        lane('call 3', waiting(14, 84)),
        lane('call 4', bad(22, 22, 'LimitError: the queue is full')),
      ],
    },
  ],
};
