import { lane, good, bad, refusing } from '../spans.ts';
import type { Story } from '../timeline.ts';

export const story: Story = {
  title: 'endpoints: calls go to both endpoints by weight; one fails five times in a row, is ejected, and returns',
  days: [
    {
      name: 'A good day',
      lanes: [
        lane('blue', good(0, 12, ''), good(16, 28, ''), good(48, 60, ''), good(64, 76, '')),
        lane('green', good(32, 44, '')),
      ],
    },
    {
      name: 'A bad day',
      lanes: [
        lane(
          'blue',
          bad(0, 5, ''),
          bad(9, 14, ''),
          bad(18, 23, ''),
          bad(27, 32, ''),
          bad(36, 41, ''),
          refusing(41, 80),
          good(82, 90, ''),
        ),
        lane(
          'green',
          good(5, 12, ''),
          good(14, 21, ''),
          good(23, 30, ''),
          good(44, 52, ''),
          good(56, 64, ''),
          good(68, 76, ''),
        ),
      ],
      marks: [
        { at: 41, text: 'ejected' },
        { at: 80, text: 'returned' },
      ],
    },
  ],
};
