import { p99, requests, scenario, total } from './scenario.ts';
import type { Layer } from './scenario.ts';
import type { Scenario } from '../types.ts';

const second: Layer = ['hedge', { ratio: 0.05 }];

export const hedge: Scenario = scenario(
  {
    id: 'hedge',
    title: 'Why hedging at p95 works',
    about: 'A second copy of the slowest few requests cuts the tail with little extra load.',
  },
  [
    {
      title: 'A long tail',
      watch: 'chart',
      layers: [total],
      preset: 'slow tail',
      rate: 100,
      text: [
        'No request fails, but one response in fifty takes forty times as long. Both p99 lines are far above the median.',
        'Retries do not help against slow responses.',
      ],
    },
    {
      title: 'A second copy',
      watch: 'chart',
      layers: [total, second],
      text: [
        'A request that is slower than 95 % of the earlier ones is sent a second time. The first good response wins, and the',
        'other copy is cancelled. Once a few dozen calls have set the delay, p99 falls far below plain fetch’s.',
      ],
    },
    {
      title: 'Two bars',
      watch: 'waterfall',
      layers: [total, second],
      text: [
        'Look for calls with two bars: the slow copy is cancelled as soon as the fast copy has a response. Freeze the',
        'picture and click such a call to read its story.',
      ],
    },
    {
      title: 'What it costs',
      watch: 'compare',
      layers: [total, second],
      text: ['At most 5 % more requests, as the ratio allows. In return, p99 stays near 100 ms.'],
    },
    {
      title: 'Your turn',
      watch: 'compare',
      layers: [total],
      settings: { latency: { slow: { share: 0.04 } } },
      text: ['The tail is back, with twice as many slow responses. Add a layer that cuts it, and keep its price low.'],
      goal: [p99(200), requests(1.1)],
    },
  ],
);
