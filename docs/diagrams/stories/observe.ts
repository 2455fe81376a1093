import { lane, good, bad } from '../spans.ts';
import type { Story } from '../timeline.ts';

export const story: Story = {
  title: 'observe: outermost, it receives one call; inside retry, it receives each attempt as a call',
  days: [
    {
      name: 'Outermost',
      lanes: [
        lane('request', { from: 0, to: 66, end: 'good', text: 'settled' }),
        lane('attempts', bad(2, 18, ''), good(44, 64, '')),
      ],
    },
    {
      name: 'Inside retry',
      lanes: [
        lane('request', bad(2, 18, 'settled'), { from: 44, to: 64, end: 'good', text: 'settled' }),
        lane('attempts', bad(2, 18, ''), good(44, 64, '')),
      ],
    },
  ],
};
