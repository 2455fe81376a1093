import { name } from '../expression.ts';
import { call, choice, declared, members, number, plain, schemas } from './policy.ts';
import type { Policy } from './policy.ts';

export const staleIfError: Policy = {
  name: 'staleIfError',
  title: 'staleIfError',
  about:
    'Returns the last good response to a GET when all attempts fail (RFC 5861). Responses of this API are no-store.',
  place: 'Placed outside timeout and retry, inside fallback.',
  inside: ['fallback'],
  outside: ['timeout', 'retry'],
  most: 1,
  initial: {},
  options: declared(schemas.staleIfError.options, [
    number('ttl', 'Stored for', 'ms', [1_000, 86_400_000, 1_000], 'How long a response is stored.'),
    choice('key', 'Key', 'byRoute uses the response to one item for all items.', ['by URL', 'byRoute']),
  ]),
  express: (given) =>
    call(
      'staleIfError',
      members({ ...plain(given, 'ttl'), key: given.choice('key') === 'byRoute' ? name('byRoute') : undefined }),
    ),
};
