import { lane, good, bad, waiting } from '../spans.ts';
import type { Story } from '../timeline.ts';

export const story: Story = {
  title:
    'retry: on a good day a 503 is followed by a pause and a good response; in an outage the budget ends the retries',
  days: [
    {
      name: 'A good day',
      lanes: [
        lane('call', good(0, 62)),
        lane('attempt 1', bad(0, 16), waiting(27, 40)),
        lane('attempt 2', good(40, 62)),
      ],
    },
    {
      name: 'An outage',
      lanes: [
        lane('call 1', bad(0, 62)),
        lane('its attempts', bad(0, 14, ''), waiting(16, 30), bad(30, 44, ''), waiting(46, 54), bad(54, 62, '')),
        lane('call 2', bad(30, 46)),
        lane('its attempt', bad(30, 46, 'no budget')),
      ],
    },
  ],
};
