import { lane, good, bad, aborted } from '../spans.ts';
import type { Story } from '../timeline.ts';

export const story: Story = {
  title: 'hedge: on a good day nothing is sent twice; a slow answer is overtaken by its copy, and the loser is aborted',
  days: [
    {
      name: 'A good day',
      lanes: [lane('original', good(0, 20))],
      marks: [{ at: 36, text: 'delay, learnt' }],
    },
    {
      name: 'A slow answer',
      lanes: [lane('call', good(0, 58)), lane('original', aborted(0, 58)), lane('copy', good(36, 58))],
      marks: [{ at: 36, text: 'delay, learnt' }],
    },
    {
      name: 'All are slow',
      lanes: [lane('original', good(0, 92)), lane('copy', bad(36, 36, 'suppressed: budget spent'))],
      marks: [{ at: 36, text: 'delay, learnt' }],
    },
  ],
};
