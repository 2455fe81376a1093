import { call, choice, declared, group, members, number, plain, schemas } from './policy.ts';
import type { Policy } from './policy.ts';

const fixed = { only: { option: 'kind', is: ['fixed'] } };
const learned = { option: 'kind', is: ['aimd'] };

export const limit: Policy = {
  name: 'limit',
  title: 'limit',
  about: 'Limits the calls in flight, and the calls that start within a window.',
  place:
    'Placed inside retry, and outside the timeout of an attempt, so that the wait in the queue does not count as a slow response.',
  inside: ['retry'],
  most: 1,
  initial: { concurrency: 20 },
  options: declared({ ...schemas.limit.options, aimd: schemas.aimd }, [
    choice('kind', 'Concurrency', 'A fixed limit, or one that AIMD learns.', ['fixed', 'aimd']),
    number('concurrency', 'At a time', 'count', [1, 500], 'Calls in flight.', fixed),
    number('aimd.initial', 'Initial', 'count', [1, 200], 'The limit at the start.', { only: learned, default: 20 }),
    number('aimd.max', 'Maximum', 'count', [1, 1_000], 'The highest limit.', { only: learned }),
    number('rate.count', 'Starts', 'count', [1, 1_000], 'Calls that may start in any window.'),
    number('rate.window', 'Window', 'ms', [100, 60_000, 100], 'The length of the window.', { default: 1_000 }),
    number('queue', 'Queue', 'count', [0, 5_000], 'Calls that may wait; a further one is rejected.'),
  ]),
  express: (given) => {
    const count = given.value('rate.count');
    const aimd = call('aimd', members({ initial: given.value('aimd.initial'), max: given.value('aimd.max') }));
    return call(
      'limit',
      members({
        concurrency: given.choice('kind') === 'aimd' ? aimd : given.value('concurrency'),
        rate: count === undefined ? undefined : group({ count, window: given.choice('rate.window') }),
        ...plain(given, 'queue'),
      }),
    );
  },
};
