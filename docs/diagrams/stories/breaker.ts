import { lane, good, bad, refusing } from '../spans.ts';
import type { Story } from '../timeline.ts';

export const story: Story = {
  title:
    'breaker: a few failures change nothing; in an outage the circuit opens, calls are refused at once, and a probe closes it',
  days: [
    {
      name: 'A good day',
      lanes: [lane('calls', good(0, 10, ''), good(16, 26, ''), bad(32, 42, ''), good(48, 58, ''), good(64, 74, ''))],
    },
    {
      name: 'An outage',
      lanes: [
        lane(
          'calls',
          bad(0, 10, ''),
          bad(12, 22, ''),
          bad(24, 34, ''),
          bad(44, 44, ''),
          bad(56, 56, ''),
          good(70, 80, ''),
          good(86, 96, ''),
        ),
        lane('circuit', refusing(34, 70)),
      ],
      marks: [
        { at: 34, text: 'opened' },
        { at: 70, text: 'probed' },
        { at: 80, text: 'closed' },
      ],
    },
  ],
};
