import { lane, good, aborted, waiting } from '../spans.ts';
import type { Story } from '../timeline.ts';

export const story: Story = {
  title:
    'idempotency: a repeat gets the stored response; when a lease holder dies, its lease expires and one successor takes over',
  days: [
    {
      name: 'A good day',
      lanes: [
        lane('tab A', good(0, 30, '201')),
        lane('tab B', waiting(12, 30), good(30, 31, '201, replayed')),
        lane('server', good(4, 28, 'one order')),
      ],
    },
    {
      name: 'A crash',
      lanes: [
        lane('tab A', aborted(0, 20, 'closed')),
        lane('tab B', waiting(12, 56), good(56, 80, '201')),
        lane('server', good(4, 26, 'one order'), good(60, 76, 'known key')),
      ],
      marks: [{ at: 56, text: 'lease expired' }],
    },
  ],
};
