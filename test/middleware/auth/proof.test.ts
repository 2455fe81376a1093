/** A short run of bench/proof-auth.ts. */
import { test } from 'vitest';

import { expectProved } from '../../support/auth-proof.ts';

test('auth on file renews once for four processes, of which some are killed and frozen, and loses no call', () => {
  expectProved('file');
}, 60_000);
