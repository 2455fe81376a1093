import { lane, good, aborted } from '../spans.ts';
import type { Story } from '../timeline.ts';

export const story: Story = {
  title: 'latest: one call is answered; of three calls in a row two are replaced and the third is answered',
  days: [
    { name: 'A slow typist', lanes: [lane('k', good(0, 30)), lane('ky', good(50, 80))] },
    {
      name: 'A quick one',
      lanes: [
        lane('k', aborted(0, 18, 'AbortError')),
        lane('ky', aborted(18, 38, 'AbortError')),
        lane('kyo', good(38, 72)),
      ],
    },
  ],
};
