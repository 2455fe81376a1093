import { lane, good, bad, aborted } from '../spans.ts';
import type { Story } from '../timeline.ts';

export const story: Story = {
  title:
    'race: the faster of two endpoints wins and the other is aborted; if one fails, the response of the other is returned',
  days: [
    { name: 'A good day', lanes: [lane('eu', good(0, 30)), lane('us', aborted(0, 30))] },
    { name: 'A bad day', lanes: [lane('eu', bad(0, 18)), lane('us', good(0, 54))] },
  ],
};
