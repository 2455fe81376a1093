import { budgetOf, budgetOptions, call, declared, members, number, plain, schemas } from './policy.ts';
import type { Policy } from './policy.ts';

export const hedge: Policy = {
  name: 'hedge',
  title: 'hedge',
  about: 'Sends a second copy of a request that is slow to be answered; the first good answer wins.',
  place: 'Inside retry, outside the timeout of an attempt.',
  most: 1,
  initial: {},
  options: declared({ ...schemas.hedge.options, budget: schemas.budget }, [
    number('ratio', 'Extra load', 'share', [0, 0.5, 0.005], 'What is accepted; the delay follows from it.'),
    number('hedges', 'Copies', 'count', [0, 5], 'Besides the original.'),
    number('delay', 'Delay', 'ms', [0, 5_000, 10], 'Before a copy, in place of what is learnt.'),
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
