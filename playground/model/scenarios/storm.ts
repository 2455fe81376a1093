import { outage, recovery, requests, scenario, success, total } from './scenario.ts';
import type { Layer } from './scenario.ts';
import type { Scenario } from '../types.ts';

const endless: Layer = ['retry', { retries: 3, budget: false, 'backoff.base': 100 }];
const bounded: Layer = ['retry', { 'budget.floor': 1 }];

export const storm: Scenario = scenario(
  {
    id: 'storm',
    title: 'Retry storms and budgets',
    about: 'Retries help against single faults and do harm in an outage. A budget limits the harm.',
  },
  [
    {
      title: 'A few errors',
      watch: 'compare',
      layers: [total, endless],
      preset: 'flaky',
      rate: 60,
      text: [
        'One call in fifteen fails at first, and a retry succeeds in nearly every case. Success is near 100 %, while',
        'plain fetch loses each of those calls. The cost is small: look at the requests per call.',
      ],
    },
    {
      title: 'Then everything fails',
      watch: 'compare',
      layers: [total, endless],
      settings: { outage: true },
      text: [
        'The same retries in an outage: every call sends four requests to a server that is already down. This is a retry',
        'storm. It can prevent the recovery of a server.',
      ],
    },
    {
      title: 'With a budget',
      watch: 'compare',
      layers: [total, bounded],
      text: [
        'Now retries may add at most a fifth to the traffic: about 1.2 requests per call in the outage, instead of four.',
        'All calls fail either way, because no retry could have succeeded: the server receives far fewer requests.',
      ],
    },
    {
      title: 'A few errors again',
      watch: 'compare',
      layers: [total, bounded],
      preset: 'flaky',
      text: [
        'The few errors of the first step: the retries stay within the budget, and success is as high as without it.',
      ],
    },
    {
      title: 'Your turn',
      watch: 'compare',
      layers: [total, endless],
      settings: { outage: true },
      text: [
        'The outage is back, and these retries have no budget. Click retry in the onion, and switch its budget on. Then end',
        'the outage with its switch in the network panel, and watch the calls recover.',
      ],
      goal: [requests(1.5, outage), success(0.99, recovery)],
    },
  ],
);
