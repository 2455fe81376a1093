import { p99, scenario, stackOf, success, total } from './scenario.ts';
import type { Layer } from './scenario.ts';
import type { OptionValues, Rival, Scenario } from '../types.ts';

const again: Layer = ['retry', { 'backoff.base': 50 }];
const learnt: Layer = [
  'timeout',
  { 'headers.kind': 'mean + 2 sd', 'headers.min': 50, 'headers.max': 2_500, 'headers.initial': 500 },
];
const fixed = (headers: number): readonly Layer[] => [total, again, ['timeout', { headers } satisfies OptionValues]];

const rivals: readonly Rival[] = [
  { id: 'long', title: 'fixed 2 s', stack: stackOf(fixed(2_000)) },
  { id: 'short', title: 'fixed 100 ms', stack: stackOf(fixed(100)) },
];

export const adaptive: Scenario = scenario(
  {
    id: 'adaptive',
    title: 'An adaptive timeout through a slow-down',
    about: 'A limit that follows the latencies is never too long or too short; a fixed one is.',
  },
  [
    {
      title: 'Three responses in a hundred never come',
      watch: 'compare',
      layers: [total, again, learnt],
      rivals,
      preset: 'steady',
      rate: 40,
      settings: { stalls: 0.03 },
      text: [
        'Four lanes make the same calls. A limit on each attempt lets a retry replace a request that stalls. A limit of',
        '2 s is too long: p99 is above two seconds. The limit that kyoa learns is as good as the one of 100 ms. Plain fetch',
        'waits for ever: its stalled calls wait, and count as lost after five seconds.',
      ],
    },
    {
      title: 'The learnt limit',
      watch: 'chart',
      layers: [total, again, learnt],
      rivals,
      text: [
        'The dashed line “adaptive limit” is the limit that kyoa applies. It starts at 500 ms and then follows the latencies of',
        'the last hundred attempts, a little above most of them. Each stall raises it for a while.',
      ],
    },
    {
      title: 'Ten times slower',
      watch: 'compare',
      layers: [total, again, learnt],
      rivals,
      settings: { latency: { median: 200 } },
      text: [
        'The service becomes permanently slower. The limit of 100 ms is now too short: it aborts nearly every attempt and',
        'loses most calls, and its retries use up their budget. The learnt limit follows within a second or two.',
      ],
    },
    {
      title: 'Quick again',
      watch: 'chart',
      layers: [total, again, learnt],
      rivals,
      settings: { latency: { median: 20 } },
      text: ['The service recovers. The limit falls again as the slow responses leave its window.'],
    },
    {
      title: 'Your turn',
      watch: 'compare',
      layers: fixed(2_000),
      rivals: [],
      text: [
        'The onion has the limit of 2 s. Open the inner timeout, the last in the list, choose p99 under Headers, and set its',
        'minimum to 50 ms: the learnt limit does not go below it.',
      ],
      goal: [success(0.99), p99(500)],
    },
  ],
);
