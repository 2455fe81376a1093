import { scenario, success, total } from './scenario.ts';
import type { Layer } from './scenario.ts';
import type { Scenario } from '../types.ts';

const again: Layer = ['retry', { 'backoff.base': 50 }];

export const whole: Scenario = scenario(
  {
    id: 'whole',
    title: 'The response comes whole',
    about: 'A body that breaks on its way is continued where it broke, or sent again.',
  },
  [
    {
      title: 'Half a response',
      watch: 'compare',
      layers: [total, again],
      preset: 'broken bodies',
      rate: 10,
      text: [
        'Every response begins well, but three connections in ten break before the last byte. A retry does not help: for retry',
        'the call has ended when a response begins, with status 200. Both lanes lose the same calls.',
      ],
    },
    {
      title: 'The rest of it',
      watch: 'waterfall',
      layers: [total, ['resume'], again],
      text: [
        'resume notices that a body has broken. The page reads each of these bodies as a whole and has not seen a part of it, so',
        'the request is sent again: look for calls with a second bar, behind an orange tick. No call is lost.',
      ],
    },
    {
      title: 'A picture',
      watch: 'picture',
      layers: [total, ['resume'], again],
      rate: 2,
      settings: { cuts: 0.7, drip: { gap: 80 } },
      text: [
        'Now seven bodies in ten break. Press “Load a picture”, a few times. Plain fetch stops where the line breaks. The page',
        'has shown the rows already, so kyoa asks for the rest alone, as a range, and only if the picture is still the same.',
      ],
    },
    {
      title: 'Your turn',
      watch: 'compare',
      act: 'layers',
      layers: [total, again],
      preset: 'broken bodies',
      rate: 20,
      text: ['Three bodies in ten break again. Add the layer after which no call is lost.'],
      goal: [success(0.995)],
    },
  ],
);
