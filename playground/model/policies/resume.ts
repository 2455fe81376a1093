import { call, declared, members, number, plain, schemas } from './policy.ts';
import type { Policy } from './policy.ts';

export const resume: Policy = {
  name: 'resume',
  title: 'resume',
  about: 'Continues a body that breaks on its way, or sends the request again.',
  place: 'Placed inside the total timeout and dedupe, and outside retry.',
  inside: ['timeout', 'dedupe'],
  outside: ['retry'],
  most: 1,
  initial: {},
  options: declared(schemas.resume.options, [
    number('continuations', 'Continuations', 'count', [0, 20], 'In a row without a new byte.'),
    number('compare', 'Compare', 'count', [0, 10_000_000, 1_024], 'Bytes that are kept to compare, without an ETag.'),
  ]),
  express: (given) => call('resume', members(plain(given, 'continuations', 'compare'))),
};
