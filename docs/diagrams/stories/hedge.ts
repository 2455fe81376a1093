import { lane, good, bad, aborted } from '../spans.ts';
import type { Story } from '../timeline.ts';

export const story: Story = {
  title: 'hedge: on a good day no request is sent twice; a copy overtakes a slow response, and the original is aborted',
  days: [
    {
      name: 'A good day',
      lanes: [lane('original', good(0, 20))],
      marks: [{ at: 36, text: 'learned delay' }],
    },
    {
      name: 'A slow response',
      lanes: [lane('call', good(0, 58)), lane('original', aborted(0, 58)), lane('copy', good(36, 58))],
      marks: [{ at: 36, text: 'learned delay' }],
    },
    {
      name: 'All are slow',
      lanes: [lane('original', good(0, 92)), lane('copy', bad(36, 36, 'suppressed: budget'))],
      marks: [{ at: 36, text: 'learned delay' }],
    },
  ],
};
