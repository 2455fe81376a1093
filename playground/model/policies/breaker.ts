import { call, declared, group, members, number, plain, schemas } from './policy.ts';
import type { Policy } from './policy.ts';

export const breaker: Policy = {
  name: 'breaker',
  title: 'breaker',
  about: 'Rejects calls at once while a server fails, so that the server can recover.',
  place: 'Placed inside retry and outside the timeout of an attempt.',
  inside: ['retry'],
  most: 1,
  initial: {},
  options: declared(schemas.breaker.options, [
    number('ratio', 'Failures', 'share', [0, 1, 0.05], 'The share of failed calls that opens the circuit.'),
    number('volume', 'Volume', 'count', [1, 200], 'With fewer calls in the window the circuit stays closed.'),
    number('window', 'Window', 'ms', [500, 60_000, 500], 'How long a call counts.'),
    number('cooldown', 'Cooldown', 'ms', [100, 60_000, 100], 'How long the circuit stays open, with jitter.'),
    number('probes', 'Probes', 'count', [1, 20], 'Calls that pass while half-open; all must succeed.'),
    number('slow.over', 'Slow above', 'ms', [50, 10_000, 50], 'A call that takes longer counts as slow.'),
    number('slow.ratio', 'Slow calls', 'share', [0, 1, 0.05], 'The share of slow calls that opens the circuit.'),
  ]),
  express: (given) => {
    const over = given.value('slow.over');
    const slow = over === undefined ? undefined : group({ over, ratio: given.value('slow.ratio') });
    const own = plain(given, 'ratio', 'volume', 'window', 'cooldown', 'probes');
    return call('breaker', members({ ...own, slow }));
  },
};
