import type { Endpoint, EndpointsPolicy } from 'kyoa';
import { regions } from '../../network/regions.ts';
import { call, choice, declared, group, members, number, plain, schemas, toggle } from './policy.ts';
import type { Given, Policy } from './policy.ts';
import type { Expression } from '../expression.ts';

const only = { option: 'eject', is: [true] };

export const endpoints: Policy = {
  name: 'endpoints',
  title: 'endpoints',
  about: 'Sends each attempt to one of several regions: canary by weight, failover by ejection.',
  place: 'Placed inside retry, hedge and breaker.',
  inside: ['retry', 'hedge', 'breaker'],
  most: 1,
  initial: {},
  options: declared(schemas.endpoints.options, [
    ...regions.map((region) => {
      const help = 'The share of calls to this region; 0 for none.';
      return number(`weight.${region}`, `Weight of ${region}`, 'count', [0, 100], help, { default: 1 });
    }),
    choice('pick', 'Pick', 'By weight, or the faster of two regions.'),
    toggle('eject', 'Eject', 'A failing region gets no calls for a while.'),
    number('eject.failures', 'After failures', 'count', [1, 50], 'Consecutive failures of a region.', { only }),
    number('eject.for', 'For', 'ms', [500, 120_000, 500], 'How long a region is ejected; longer each time.', { only }),
    number('eject.share', 'At most', 'share', [0, 1, 0.05], 'The share of regions ejected at a time.', { only }),
  ]),
  express: (given, origin) => {
    const list = regions.map((region) => {
      return members({ url: `${origin}/${region}`, weight: given.value(`weight.${region}`) });
    });
    return call('endpoints', list, members({ ...plain(given, 'pick'), eject: ejectOf(given) }));
  },
  takesOver: {
    option: (name) => name.startsWith('weight.'),
    from: (policy, [list]) => (policy as EndpointsPolicy).update(list as readonly Endpoint[]),
  },
};

function ejectOf(given: Given): Expression | undefined {
  if (given.choice('eject') === false) return false;
  const [failures, time, share] = ['failures', 'for', 'share'].map((name) => given.value(`eject.${name}`));
  return group({ failures, for: time, share });
}
