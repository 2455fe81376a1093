import { none, outage, recovery, scenario, success } from './scenario.ts';
import type { Layer } from './scenario.ts';
import type { Scenario } from '../types.ts';

/** Less than a caller waits. */
const total: Layer = ['timeout', { total: 3_000 }];
const again: Layer = ['retry', { 'backoff.base': 50 }];

export const fallback: Scenario = scenario(
  {
    id: 'fallback',
    title: 'A last resort',
    about: 'When nothing else helps, the caller gets a substitute instead of an error.',
  },
  [
    {
      title: 'Nothing helps',
      watch: 'compare',
      layers: [total, again],
      preset: 'steady',
      rate: 40,
      settings: { outage: true },
      text: ['The service is down, and will be for a while. Retries cannot help: both lanes lose every call.'],
    },
    {
      title: 'A substitute',
      watch: 'waterfall',
      layers: [['fallback'], total, again],
      text: [
        'fallback responds when everything inside it has failed. Each call still ends with a response, here a small JSON',
        'that says “unavailable”: look for the open diamonds. The figures count a substitute as neither good nor lost.',
      ],
    },
    {
      title: 'Too far inside',
      watch: 'layers',
      layers: [total, again, ['fallback']],
      preset: 'brown-out',
      text: [
        'The service is back, but one response in five is an error. fallback is inside retry now, where its substitute looks',
        'like a success: nothing is sent again, and one call in five gets a substitute. The layer has a hint.',
      ],
    },
    {
      title: 'In its place',
      watch: 'compare',
      layers: [['fallback'], total, again],
      text: [
        'Outside retry, fallback responds only after the retries have failed. Nearly all calls get the real response, and',
        'the few others get a substitute.',
      ],
    },
    {
      title: 'Your turn',
      watch: 'compare',
      layers: [total, again],
      preset: 'steady',
      settings: { outage: true },
      text: [
        'The service is down again, and every call ends with an error. Add the layer that spares the caller the error, then',
        'end the outage and see the real responses return.',
      ],
      goal: [none(outage), success(0.99, recovery)],
    },
  ],
);
