import { regions } from '../../network/regions.ts';
import { call } from './policy.ts';
import type { Policy } from './policy.ts';

export const race: Policy = {
  name: 'race',
  title: 'race',
  about: 'Sends a request to every region at once and takes the first good response.',
  place: 'Placed inside retry.',
  inside: ['retry'],
  most: 1,
  initial: {},
  options: [],
  express: (_given, origin) =>
    call(
      'race',
      regions.map((region) => `${origin}/${region}`),
    ),
};
