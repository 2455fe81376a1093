import { name } from '../expression.ts';
import { call, choice, declared, members, number, plain, schemas } from './policy.ts';
import type { Policy } from './policy.ts';

export const staleIfError: Policy = {
  name: 'staleIfError',
  title: 'staleIfError',
  about:
    'Returns the last good response to a GET after a failure (RFC 5861). This API sends no-store, so nothing of it is stored.',
  place: 'Outside timeout and retry, inside fallback.',
  most: 1,
  initial: {},
  options: declared(schemas.staleIfError.options, [
    number('ttl', 'Kept for', 'ms', [1_000, 86_400_000, 1_000], 'How long a response is stored.'),
    choice('key', 'Key', 'byRoute returns the stored response of one item for another.', ['by URL', 'byRoute']),
  ]),
  express: (given) =>
    call(
      'staleIfError',
      members({ ...plain(given, 'ttl'), key: given.choice('key') === 'byRoute' ? name('byRoute') : undefined }),
    ),
};
