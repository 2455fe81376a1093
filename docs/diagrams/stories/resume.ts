import { bad, good, lane, waiting } from '../spans.ts';
import type { Story } from '../timeline.ts';

export const story: Story = {
  title: 'resume: a body breaks off and its rest follows; a file that has changed is not joined to the old one',
  days: [
    {
      name: 'A good day',
      lanes: [
        lane('reader', good(0, 62, 'bytes 0 to 99')),
        lane('request 1', bad(0, 26, 'bytes 0 to 49')),
        lane('request 2', waiting(27, 34), good(34, 62, 'bytes 50 to 99')),
      ],
    },
    {
      name: 'The file changes',
      lanes: [
        lane('reader', bad(0, 50, 'BODY_CHANGED')),
        lane('request 1', bad(0, 26, 'bytes 0 to 49')),
        lane('request 2', waiting(27, 34), bad(34, 50, 'another')),
      ],
    },
  ],
};
