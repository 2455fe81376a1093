import { call, choice, declared, group, members, number, plain, schemas } from './policy.ts';
import type { Policy } from './policy.ts';

const fixed = { only: { option: 'kind', is: ['fixed'] } };
const learnt = { option: 'kind', is: ['aimd'] };

export const limit: Policy = {
  name: 'limit',
  title: 'limit',
  about: 'Bounds calls under way, and starts within a time.',
  place: 'Inside retry, outside the timeout of an attempt.',
  most: 1,
  initial: { concurrency: 20 },
  options: declared({ ...schemas.limit.options, aimd: schemas.aimd }, [
    choice('kind', 'Concurrency', 'A number of yours, or one that is learnt.', ['fixed', 'aimd']),
    number('concurrency', 'At a time', 'count', [1, 500], 'Calls under way.', fixed),
    number('aimd.initial', 'At first', 'count', [1, 200], 'Where it begins.', { only: learnt, default: 20 }),
    number('aimd.max', 'Most', 'count', [1, 1_000], 'It never grows beyond.', { only: learnt }),
    number('rate.count', 'Starts', 'count', [1, 1_000], 'Never more in any window.'),
    number('rate.window', 'Window', 'ms', [100, 60_000, 100], 'Of the starts.', { default: 1_000 }),
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
