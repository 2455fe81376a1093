import { lane, good, aborted } from '../spans.ts';
import type { Story } from '../timeline.ts';

export const story: Story = {
  title:
    'dedupe: three callers share one request; the caller that started it aborts, and the others still get their response',
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
      lanes: [lane('request', good(0, 54)), lane('caller 1', aborted(0, 24, 'aborts')), lane('caller 2', good(14, 54))],
    },
  ],
};
