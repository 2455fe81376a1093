import { requests, scenario, success, total } from './scenario.ts';
import type { Layer } from './scenario.ts';
import type { Scenario } from '../types.ts';

const tooMany: Layer = ['retry', { budget: false, 'backoff.base': 100 }];

export const queue: Scenario = scenario(
  {
    id: 'queue',
    title: 'A queue before a busy server',
    about: 'Calls that wait for a permit succeed; without one, a busy server refuses them.',
  },
  [
    {
      title: 'More than it takes',
      watch: 'compare',
      layers: [total, tooMany],
      preset: 'steady',
      rate: 36,
      settings: { latency: { median: 180 }, capacity: 8 },
      text: [
        'The server takes eight requests at once, and responds to a further one with 503. On average there are seven, but some',
        'take longer, and then there are more. Retries help, and add requests to a server that is full.',
      ],
    },
    {
      title: 'Wait for a permit',
      watch: 'queue',
      layers: [total, tooMany, ['limit', { concurrency: 8 }]],
      text: [
        'limit has eight permits. A call without one waits in the queue, a fraction of a second, and then succeeds: no',
        'request is refused, and soon there is nothing to retry.',
      ],
    },
    {
      title: 'A learnt limit',
      watch: 'queue',
      layers: [total, tooMany, ['limit', { kind: 'aimd', 'aimd.initial': 20 }]],
      text: [
        'No caller knows the capacity of a server for long. aimd() starts with twenty permits, takes some away at once with',
        'each sign of overload, and adds one from time to time: the line of the permits goes up and down around what the',
        'server takes.',
      ],
    },
    {
      title: 'Your turn',
      watch: 'compare',
      layers: [total],
      text: [
        'No retries this time, and a server that takes eight. Add limit, open it, and allow eight at a time. Then nearly every',
        'call succeeds with its first request.',
      ],
      goal: [success(0.99), requests(1.02)],
    },
  ],
);
