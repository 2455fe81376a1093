import { budgetOf, budgetOptions, call, choice, declared, list, members, number, plain, schemas } from './policy.ts';
import type { Given, Policy } from './policy.ts';
import type { Expression } from '../expression.ts';

const growing = { option: 'backoff', is: ['exponential', 'decorrelated'] };
const defaults = { base: 200, cap: 10_000 };

export const retry: Policy = {
  name: 'retry',
  title: 'retry',
  about: 'Sends a request again after a transient failure, with jitter and a budget.',
  place: 'Placed inside the total timeout and outside the timeout of an attempt.',
  most: 1,
  initial: {},
  options: declared({ ...schemas.retry.options, budget: schemas.budget }, [
    number('retries', 'Retries', 'count', [0, 10], 'Attempts after the first.'),
    choice('backoff', 'Backoff', 'How the delays grow.', ['exponential', 'decorrelated', 'constant']),
    number('backoff.base', 'Base', 'ms', [0, 5_000, 10], 'The maximum of the first delay.', { default: defaults.base }),
    number('backoff.cap', 'Cap', 'ms', [0, 60_000, 100], 'The longest delay.', {
      only: growing,
      default: defaults.cap,
    }),
    list('statuses', 'Statuses', 'numbers', 'Statuses after which a retry follows.'),
    number('maxRetryAfter', 'Longest Retry-After', 'ms', [0, 120_000, 500], 'After a longer one there is no retry.'),
    ...budgetOptions(),
  ]),
  express: (given) =>
    call(
      'retry',
      members({
        ...plain(given, 'retries'),
        backoff: backoffOf(given),
        ...plain(given, 'statuses', 'maxRetryAfter'),
        budget: budgetOf(given),
      }),
    ),
};

function backoffOf(given: Given): Expression | undefined {
  const kind = String(given.choice('backoff'));
  const [base, cap] = [given.number('backoff.base'), given.number('backoff.cap')];
  if (kind === 'exponential' && base === undefined && cap === undefined) return undefined;
  const first = base ?? defaults.base;
  return kind === 'constant' ? call(kind, first) : call(kind, first, cap ?? defaults.cap);
}
