/** A short run of bench/proof-auth.ts. */
import { test } from 'vitest';

import { expectProved } from '../../support/auth-proof.ts';

test('auth on redis renews once for four processes, of which some are killed and frozen, and loses no call', () => {
  expectProved('redis');
}, 60_000);
