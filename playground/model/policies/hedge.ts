import { budgetOf, budgetOptions, call, declared, members, number, plain, schemas } from './policy.ts';
import type { Policy } from './policy.ts';

export const hedge: Policy = {
  name: 'hedge',
  title: 'hedge',
  about: 'Sends a second copy of a slow request; the first good response wins.',
  place: 'Inside retry, outside the timeout of an attempt.',
  most: 1,
  initial: {},
  options: declared({ ...schemas.hedge.options, budget: schemas.budget }, [
    number(
      'ratio',
      'Extra load',
      'share',
      [0, 0.5, 0.005],
      'The extra load that you accept; the delay follows from it.',
    ),
    number('hedges', 'Copies', 'count', [0, 5], 'Copies besides the original request.'),
    number('delay', 'Delay', 'ms', [0, 5_000, 10], 'The delay before a copy, in place of the learned one.'),
    // Of a budget of its own: its ratio follows from that of hedge.
    ...budgetOptions({ default: undefined }, { default: 1 }),
  ]),
  express: (given) => {
    const own = budgetOf(given);
    const hasRatio = given.number('budget.ratio') !== undefined || typeof own !== 'object';
    // A budget of its own has another default for its ratio: 0.2, where hedge would take its own.
    const budget = hasRatio
      ? own
      : call('budget', members({ ratio: Number(given.choice('ratio')), floor: given.number('budget.floor') }));
    return call('hedge', members({ ...plain(given, 'ratio', 'hedges', 'delay'), budget }));
  },
};
