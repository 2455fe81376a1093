import { call, choice, declared, list, members, number, plain, schemas, toggle } from './policy.ts';
import type { Policy } from './policy.ts';

/** The database of the page. */
export const database = 'kyoa-playground';

export const idempotency: Policy = {
  name: 'idempotency',
  title: 'idempotency',
  about: 'Executes a repeated request once, also after a reload or from another tab.',
  place: 'Inside dedupe, outside retry.',
  most: 1,
  initial: { storage: 'indexeddb' },
  options: declared(schemas.idempotency.options, [
    choice('storage', 'Storage', 'The store of results: memory ends with the page.', ['memory', 'indexeddb']),
    toggle('generate', 'Generate keys', 'A POST without a key gets one, the same for every attempt.'),
    number('ttl', 'Kept for', 'ms', [1_000, 86_400_000, 1_000], 'How long a result is stored.'),
    number(
      'lease',
      'Lease',
      'ms',
      [1_000, 60_000, 1_000],
      'A holder that does not renew its lease for this long loses it.',
      {
        default: 15_000, // of a client
      },
    ),
    choice('conflict', 'Conflict', 'What a repeat does while the first request is running.', ['wait', 'throw']),
    choice('format', 'Format', 'How the key is sent: bare, as most servers accept it, or quoted.'),
    list('methods', 'Methods', 'words', 'Requests with other methods are not affected.'),
  ]),
  express: (given) =>
    call(
      'idempotency',
      members({
        storage: given.choice('storage') === 'indexeddb' ? call('indexeddb', database) : undefined,
        ...plain(given, 'generate', 'ttl', 'lease', 'conflict', 'format', 'methods'),
      }),
    ),
};
