import { call, choice, declared, list, members, number, plain, schemas, toggle } from './policy.ts';
import type { Policy } from './policy.ts';

/** The name of the page's IndexedDB database. */
export const database = 'kyoa-playground';

export const idempotency: Policy = {
  name: 'idempotency',
  title: 'idempotency',
  about: 'A repeated request is executed once, also after a reload or from another tab.',
  place: 'Placed inside dedupe and outside retry; in a handler outermost.',
  inside: ['dedupe'],
  outside: ['retry'],
  most: 1,
  initial: { storage: 'indexeddb' },
  options: declared(schemas.idempotency.options, [
    choice('storage', 'Storage', 'Where responses are stored; memory ends with the page.', ['memory', 'indexeddb']),
    toggle('generate', 'Generate keys', 'A POST without a key gets one, the same for every attempt.'),
    number('ttl', 'Stored for', 'ms', [1_000, 86_400_000, 1_000], 'How long a response is stored.'),
    number('lease', 'Lease', 'ms', [1_000, 60_000, 1_000], 'A lease that is not renewed for so long is taken over.', {
      default: 15_000, // on the client; a handler has another default
    }),
    choice('conflict', 'Conflict', 'What a repeated call does while the first is running.', ['wait', 'throw']),
    choice('format', 'Format', 'The key in its header: bare, or as a quoted string.'),
    list('methods', 'Methods', 'words', 'Requests with other methods pass unchanged.'),
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
