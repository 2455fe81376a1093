import { call, declared, group, members, number, plain, schemas } from './policy.ts';
import type { Policy } from './policy.ts';

export const breaker: Policy = {
  name: 'breaker',
  title: 'breaker',
  about: 'Spares a server that fails, and its callers the wait.',
  place: 'Inside retry, outside the timeout of an attempt.',
  most: 1,
  initial: {},
  options: declared(schemas.breaker.options, [
    number('ratio', 'Failures', 'share', [0, 1, 0.05], 'Among the calls of the window, to open it.'),
    number('volume', 'Volume', 'count', [1, 200], 'With fewer calls it stays closed.'),
    number('window', 'Window', 'ms', [500, 60_000, 500], 'How long a call counts.'),
    number('cooldown', 'Cooldown', 'ms', [100, 60_000, 100], 'How long it stays open, with jitter.'),
    number('probes', 'Probes', 'count', [1, 20], 'Calls that pass half-open, and must succeed.'),
    number('slow.over', 'Slow is over', 'ms', [50, 10_000, 50], 'Slower calls count on their own.'),
    number('slow.ratio', 'Slow calls', 'share', [0, 1, 0.05], 'Among the calls of the window, to open it.'),
  ]),
  express: (given) => {
    const over = given.value('slow.over');
    const slow = over === undefined ? undefined : group({ over, ratio: given.value('slow.ratio') });
    const own = plain(given, 'ratio', 'volume', 'window', 'cooldown', 'probes');
    return call('breaker', members({ ...own, slow }));
  },
};
