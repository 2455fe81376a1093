import { lane, good, aborted } from '../spans.ts';
import type { Story } from '../timeline.ts';

export const story: Story = {
  title: 'latest: two calls far apart both succeed; of three calls in a row, two are replaced and the third succeeds',
  days: [
    { name: 'A slow typist', lanes: [lane('k', good(0, 30)), lane('ky', good(50, 80))] },
    {
      name: 'A fast typist',
      lanes: [
        lane('k', aborted(0, 18, 'AbortError')),
        lane('ky', aborted(18, 38, 'AbortError')),
        lane('kyo', good(38, 72)),
      ],
    },
  ],
};
