/** Short runs of bench/proof-auth.ts. */
import { test } from 'vitest';

import { expectProved } from '../../support/auth-proof.ts';

test('auth on file renews once for four processes, of which some are killed and frozen, and loses no call', () => {
  expectProved('file');
}, 60_000);

test('sign with aws4fetch arrives within a second of its signature, after a pause of three seconds', () => {
  expectProved('sign');
}, 60_000);
