import { requests, scenario, success, total } from './scenario.ts';
import type { Layer } from './scenario.ts';
import type { OptionValues, Scenario } from '../types.ts';

const regional = (options: OptionValues): Layer => ['endpoints', { 'eject.for': 5_000, ...options }];

export const canary: Scenario = scenario(
  {
    id: 'canary',
    title: 'Canary and failover',
    about: 'A new version receives a few of the calls; a dead region receives none.',
  },
  [
    {
      title: 'A canary',
      watch: 'waterfall',
      layers: [total, ['retry', {}], regional({ 'weight.eu': 9, 'weight.us': 0, 'weight.ap': 1, eject: false })],
      preset: 'steady',
      rate: 60,
      settings: { regions: { ap: { errors: 0.3 } } },
      text: [
        'The new version runs in ap and gets one call in ten. Many of its responses are errors, but few calls are lost: a',
        'retry goes to a region that the call has not tried yet.',
      ],
    },
    {
      title: 'A region dies',
      watch: 'compare',
      layers: [total, ['retry', {}], regional({ 'weight.eu': 1, 'weight.us': 1, 'weight.ap': 1, eject: false })],
      preset: 'one dead region',
      text: [
        'eu is down. Plain fetch has no other address and loses every call. kyoa distributes its calls over three regions:',
        'a third of them start in the dead region and need a retry.',
      ],
    },
    {
      title: 'Ejected',
      watch: 'compare',
      layers: [total, ['retry', {}], regional({ 'eject.failures': 3 })],
      text: [
        'After three consecutive failures a region is ejected for a while, longer each time. Retries become rare, and the',
        'requests per call return to one.',
      ],
    },
    {
      title: 'Your turn',
      watch: 'compare',
      layers: [total],
      text: ['The region is still down, and the onion has neither retries nor regions. Give it what it needs.'],
      goal: [success(0.995), requests(1.1)],
    },
  ],
);
