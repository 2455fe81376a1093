import { name } from '../expression.ts';
import { call, choice, declared, members, number, plain, schemas } from './policy.ts';
import type { Policy } from './policy.ts';

export const staleIfError: Policy = {
  name: 'staleIfError',
  title: 'staleIfError',
  about: 'The last good GET when what is beneath fails (RFC 5861); of this API nothing, for it says no-store.',
  place: 'Outside timeout and retry, inside fallback.',
  most: 1,
  initial: {},
  options: declared(schemas.staleIfError.options, [
    number('ttl', 'Kept for', 'ms', [1_000, 86_400_000, 1_000], 'How long an answer is kept.'),
    choice('key', 'Key', 'byRoute takes the answer to one item for that to another.', ['by URL', 'byRoute']),
  ]),
  express: (given) =>
    call(
      'staleIfError',
      members({ ...plain(given, 'ttl'), key: given.choice('key') === 'byRoute' ? name('byRoute') : undefined }),
    ),
};
