import { budgetOf, budgetOptions, call, declared, members, number, plain, schemas } from './policy.ts';
import type { Policy } from './policy.ts';

export const hedge: Policy = {
  name: 'hedge',
  title: 'hedge',
  about: 'Sends a second copy of a slow request; the first good response wins.',
  place: 'Placed inside retry and outside the timeout of an attempt.',
  inside: ['retry'],
  most: 1,
  initial: {},
  options: declared({ ...schemas.hedge.options, budget: schemas.budget }, [
    number('ratio', 'Extra load', 'share', [0, 0.5, 0.005], 'The accepted load; the delay follows from it.'),
    number('hedges', 'Copies', 'count', [0, 5], 'Copies besides the first request.'),
    number('delay', 'Delay', 'ms', [0, 5_000, 10], 'The time before a copy, instead of the learned delay.'),
    // The ratio of the budget has no default of its own: it follows from the ratio of hedge.
    ...budgetOptions({ default: undefined }, { default: 1 }),
  ]),
  express: (given) => {
    const own = budgetOf(given);
    const hasRatio = given.number('budget.ratio') !== undefined || typeof own !== 'object';
    // `budget()` has another default ratio, 0.2, than the budget that `hedge` creates from its own ratio.
    const budget = hasRatio
      ? own
      : call('budget', members({ ratio: Number(given.choice('ratio')), floor: given.number('budget.floor') }));
    return call('hedge', members({ ...plain(given, 'ratio', 'hedges', 'delay'), budget }));
  },
};
