import { call, choice, group, members, number, plain } from './policy.ts';
import type { Policy } from './policy.ts';

const learnt = { option: 'kind', is: ['aimd'] };

export const limit: Policy = {
  name: 'limit',
  title: 'limit',
  about: 'Bounds calls under way, and starts within a time.',
  place: 'Inside retry, outside the timeout of an attempt.',
  most: 1,
  initial: { concurrency: 20 },
  options: [
    choice('kind', 'Concurrency', ['fixed', 'aimd'], 'A number of yours, or one that is learnt.'),
    number('concurrency', 'At a time', 'count', [1, 500], undefined, 'Calls under way.', {
      option: 'kind',
      is: ['fixed'],
    }),
    number('aimd.initial', 'At first', 'count', [1, 200], 20, 'Where it begins.', learnt),
    number('aimd.max', 'Most', 'count', [1, 1_000], 200, 'It never grows beyond.', learnt),
    number('rate.count', 'Starts', 'count', [1, 1_000], undefined, 'Never more in any window.'),
    number('rate.window', 'Window', 'ms', [100, 60_000, 100], 1_000, 'Of the starts.'),
    number('queue', 'Queue', 'count', [0, 5_000], 1_000, 'Calls that may wait; one more is refused.'),
  ],
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
