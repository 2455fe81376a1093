import { p99, scenario, stackOf, success, total } from './scenario.ts';
import type { Layer } from './scenario.ts';
import type { Rival, Scenario } from '../types.ts';

const frugal: readonly Layer[] = [total, ['hedge', { ratio: 0.05 }], ['endpoints', { eject: false }]];

const rivals: readonly Rival[] = [{ id: 'hedged', title: 'hedge, endpoints', stack: stackOf(frugal) }];

export const race: Scenario = scenario(
  {
    id: 'race',
    title: 'A race of regions',
    about: 'Each request goes to every region, and the first good response wins, at a price.',
  },
  [
    {
      title: 'One region',
      watch: 'chart',
      layers: [total],
      preset: 'slow tail',
      rate: 40,
      text: [
        'Every call goes to eu, where one response in fifty takes forty times as long. us and ap have such a tail as well,',
        'but rarely for the same call.',
      ],
    },
    {
      title: 'Three copies',
      watch: 'waterfall',
      layers: [total, ['race']],
      text: [
        'Each call now has three bars, one for each region. The first good response ends the call, and the other two',
        'requests are cancelled. A call is slow only if all three are.',
      ],
    },
    {
      title: 'A region dies',
      watch: 'compare',
      layers: [total, ['race']],
      settings: { regions: { eu: { outage: true } } },
      text: [
        'eu is down. Plain fetch knows no other region and loses every call. The race loses none, and does not even become',
        'slower: no caller waits for a retry.',
      ],
    },
    {
      title: 'What it costs',
      watch: 'compare',
      layers: [total, ['race']],
      preset: 'slow tail',
      rivals,
      text: [
        'eu works again. The race sends three requests per call. hedge outside endpoints sends a second one, to another',
        'region, only when the first is slow: nearly as quick, for one more request in twenty.',
      ],
    },
    {
      title: 'Your turn',
      watch: 'compare',
      layers: [total],
      rivals: [],
      settings: { regions: { eu: { outage: true } } },
      text: [
        'eu is down again, and all regions have their tail. Add one layer that makes the calls succeed, and quickly.',
      ],
      goal: [success(0.995), p99(150)],
    },
  ],
);
