import { lane, good, bad } from '../spans.ts';
import type { Story } from '../timeline.ts';

export const story: Story = {
  title: 'trace: inside retry, each attempt has its own span in the trace of the call',
  days: [
    {
      name: 'Inside retry',
      lanes: [lane('trace 4bf9', good(0, 66)), lane('span 00f0', bad(0, 20)), lane('span a3ce', good(42, 66))],
    },
    {
      name: 'Outside retry',
      lanes: [lane('trace 4bf9', good(0, 66)), lane('span 00f0', bad(0, 20), good(42, 66))],
    },
  ],
};
