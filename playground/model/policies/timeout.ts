import { call, choice, declared, group, members, number, plain, schemas } from './policy.ts';
import type { Given, Policy } from './policy.ts';
import type { Expression } from '../expression.ts';

const learned = { only: { option: 'headers.kind', is: ['mean + 2 sd', 'p99', 'RFC 6298'] } };
const fixed = { only: { option: 'headers.kind', is: ['fixed'] } };
const ranked = { option: 'headers.kind', is: ['p99'] };

export const timeout: Policy = {
  name: 'timeout',
  title: 'timeout',
  about: 'Limits how long a call may take, and aborts it when the time is over.',
  place: 'Outside retry it limits the whole call, inside retry each attempt.',
  most: 2,
  initial: { total: 5_000 },
  second: { initial: { headers: 1_000 }, outside: ['endpoints', 'race'] },
  options: declared({ ...schemas.timeout.options, headers: schemas.adaptive }, [
    number('total', 'Total', 'ms', [100, 30_000, 100], 'From the call to the last byte of the body.'),
    choice('headers.kind', 'Headers', 'A fixed limit, or an adaptive one.', [
      'fixed',
      'p99',
      'mean + 2 sd',
      'RFC 6298',
    ]),
    number('headers', 'Headers within', 'ms', [50, 10_000, 50], 'Until the headers arrive.', fixed),
    number('headers.factor', 'Factor', 'times', [1, 5, 0.1], 'The limit is the quantile times this factor.', {
      only: ranked,
      default: 1.5,
    }),
    number('headers.min', 'Minimum', 'ms', [10, 5_000, 10], 'The shortest adaptive limit.', learned),
    number('headers.max', 'Maximum', 'ms', [100, 30_000, 100], 'The longest adaptive limit.', learned),
    number('headers.initial', 'Initial', 'ms', [50, 30_000, 50], 'The limit until there are enough samples.', learned),
    number('headers.minSamples', 'Samples', 'count', [1, 100], 'The samples that the adaptive limit needs.', learned),
    number('headers.window', 'Window', 'count', [3, 1_000], 'How many of the latest latencies count.', learned),
    number('idle', 'Idle', 'ms', [50, 30_000, 50], 'The longest gap between chunks of the body.'),
  ]),
  express: (given) =>
    call('timeout', members({ total: given.value('total'), headers: headersOf(given), idle: given.value('idle') })),
};

function headersOf(given: Given): Expression | undefined {
  const estimate = estimateOf(given);
  if (given.choice('headers.kind') === 'fixed') return given.value('headers');
  const limits = plain(given, ...['min', 'max', 'initial', 'minSamples', 'window'].map((name) => `headers.${name}`));
  const options = Object.entries(limits).map(([name, value]) => [name.replace('headers.', ''), value]);
  return call('adaptive', members({ ...Object.fromEntries(options), estimate }));
}

function estimateOf(given: Given): Expression | undefined {
  switch (given.choice('headers.kind')) {
    case 'p99': {
      const factor = group({ factor: given.value('headers.factor') });
      return call('quantile', 0.99, ...(factor ? [factor] : []));
    }
    case 'RFC 6298':
      return call('rto');
    default:
      return undefined; // mean + 2 sd is the default of `adaptive`
  }
}
