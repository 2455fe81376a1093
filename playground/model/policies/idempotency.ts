import { call, choice, declared, list, members, number, plain, schemas, toggle } from './policy.ts';
import type { Policy } from './policy.ts';

/** The database of the page. */
export const database = 'kyoa-playground';

export const idempotency: Policy = {
  name: 'idempotency',
  title: 'idempotency',
  about: 'A request that is made twice happens once, also after a reload or from another tab.',
  place: 'Inside dedupe, outside retry.',
  most: 1,
  initial: { storage: 'indexeddb' },
  options: declared(schemas.idempotency.options, [
    choice('storage', 'Storage', 'Where results are kept: memory ends with the page.', ['memory', 'indexeddb']),
    toggle('generate', 'Generate keys', 'A POST without a key gets one, the same for every attempt.'),
    number('ttl', 'Kept for', 'ms', [1_000, 86_400_000, 1_000], 'How long a result is kept.'),
    number('lease', 'Lease', 'ms', [1_000, 60_000, 1_000], 'A holder without a sign of life is given up.', {
      default: 15_000, // of a client
    }),
    choice('conflict', 'Conflict', 'What a repeat does while the first is under way.', ['wait', 'throw']),
    choice('format', 'Format', 'How the key is sent: as most servers take it, or quoted.'),
    list('methods', 'Methods', 'words', 'Requests with other methods pass.'),
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
