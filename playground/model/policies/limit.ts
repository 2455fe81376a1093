import { call, choice, declared, group, members, number, plain, schemas } from './policy.ts';
import type { Policy } from './policy.ts';

const fixed = { only: { option: 'kind', is: ['fixed'] } };
const learnt = { option: 'kind', is: ['aimd'] };

export const limit: Policy = {
  name: 'limit',
  title: 'limit',
  about: 'Limits concurrent calls, and the rate of their starts.',
  place: 'Inside retry, outside the timeout of an attempt.',
  most: 1,
  initial: { concurrency: 20 },
  options: declared({ ...schemas.limit.options, aimd: schemas.aimd }, [
    choice('kind', 'Concurrency', 'A fixed number, or one that is learned.', ['fixed', 'aimd']),
    number('concurrency', 'At a time', 'count', [1, 500], 'Concurrent calls.', fixed),
    number('aimd.initial', 'At first', 'count', [1, 200], 'The first limit.', { only: learnt, default: 20 }),
    number('aimd.max', 'Most', 'count', [1, 1_000], 'The limit never grows beyond this.', { only: learnt }),
    number('rate.count', 'Starts', 'count', [1, 1_000], 'Never more starts than this in any window.'),
    number('rate.window', 'Window', 'ms', [100, 60_000, 100], 'The window of the rate.', { default: 1_000 }),
    number('queue', 'Queue', 'count', [0, 5_000], 'Calls that may wait; one more is refused.'),
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
