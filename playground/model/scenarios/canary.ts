import { requests, scenario, success, total } from './scenario.ts';
import type { Layer } from './scenario.ts';
import type { OptionValues, Scenario } from '../types.ts';

const regional = (options: OptionValues): Layer => ['endpoints', { 'eject.for': 5_000, ...options }];

const attempt: Layer = ['timeout', { headers: 1_000 }];

/** Blue is the old version, green the new one. */
const weights = (blue: number, green: number): OptionValues => {
  return { 'weight.eu': blue, 'weight.us': green, 'weight.ap': 0 };
};

export const canary: Scenario = scenario(
  {
    id: 'canary',
    title: 'Canary and failover',
    about: 'A document moves calls to a new version; a dead region receives none.',
  },
  [
    {
      title: 'Blue',
      watch: 'document',
      layers: [total, ['retry', {}], attempt, regional({ ...weights(10, 0), eject: false })],
      preset: 'steady',
      rate: 60,
      text: [
        'The onion as a policy document, as a file or a configuration centre holds it. The old version, blue, runs in eu and',
        'gets every call; the new one, green, waits in us. The bars show where the requests go.',
      ],
    },
    {
      title: 'A canary',
      watch: 'document',
      layers: [total, ['retry', {}], attempt, regional({ ...weights(9, 1), eject: false })],
      settings: { regions: { us: { errors: 0.3 } } },
      text: [
        'Green gets one call in ten, and many of its responses are errors. Few calls are lost: a retry goes to a region that',
        'the call has not tried yet. Change the weights, Apply, and watch the bars.',
      ],
    },
    {
      title: 'Green',
      watch: 'document',
      layers: [total, ['retry', {}], attempt, regional({ ...weights(0, 10), eject: false })],
      settings: { regions: { us: { errors: 0 } } },
      text: [
        'Green is mended and gets every call, without a deploy. Blue stays in the document with a weight of 0: the way back',
        'is one number.',
      ],
    },
    {
      title: 'A region dies',
      watch: 'compare',
      layers: [
        total,
        ['retry', {}],
        attempt,
        regional({ 'weight.eu': 1, 'weight.us': 1, 'weight.ap': 1, eject: false }),
      ],
      preset: 'one dead region',
      text: [
        'eu is down. Plain fetch has no other address and loses every call. kyoa distributes its calls over three regions:',
        'a third of them start in the dead region and need a retry.',
      ],
    },
    {
      title: 'Ejected',
      watch: 'compare',
      layers: [total, ['retry', {}], attempt, regional({ 'eject.failures': 3 })],
      text: [
        'After three consecutive failures a region is ejected for a while, longer each time. Retries become rare, and the',
        'requests per call return to one.',
      ],
    },
    {
      title: 'Your turn',
      watch: 'compare',
      layers: [total],
      text: [
        'The region is still down, and the onion has neither retries nor regions. Give it retry, and endpoints inside it, in',
        'the onion or in its policy document.',
      ],
      goal: [success(0.995), requests(1.1)],
    },
  ],
);
