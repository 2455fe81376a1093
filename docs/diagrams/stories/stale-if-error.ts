import { lane, good, bad } from '../spans.ts';
import type { Story } from '../timeline.ts';

export const story: Story = {
  title: 'staleIfError: the first response is stored; later the server fails, and the stored response is returned',
  days: [
    {
      name: 'A good day',
      lanes: [
        lane('call', good(0, 30)),
        lane('server', good(2, 28)),
        lane('storage', { from: 30, to: 36, text: 'stored' }),
      ],
    },
    {
      name: 'A bad day',
      lanes: [
        lane('call', good(0, 42, '200, Age: 3600')),
        lane('server', bad(2, 26)),
        lane('storage', { from: 28, to: 40, text: 'loaded' }),
      ],
    },
  ],
};
