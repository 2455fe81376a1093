import { lane, good, aborted } from '../spans.ts';
import type { Story } from '../timeline.ts';

export const story: Story = {
  title: 'dedupe: three callers share one request; the one who began it leaves, and the others still get their answer',
  days: [
    {
      name: 'A good day',
      lanes: [
        lane('request', good(0, 54)),
        lane('caller 1', good(0, 54)),
        lane('caller 2', good(14, 54)),
        lane('caller 3', good(32, 54)),
      ],
    },
    {
      name: 'A bad day',
      lanes: [lane('request', good(0, 54)), lane('caller 1', aborted(0, 24, 'leaves')), lane('caller 2', good(14, 54))],
    },
  ],
};
