/** The drill of docs/examples on real processes, with short steps. */
import { expect, test } from 'vitest';

import { drill } from '../../docs/examples/drill.ts';

test('a lost region costs no caller a response', { timeout: 60_000 }, async () => {
  const seen = await drill({ duration: 1_000, rate: 40 });
  const [calm, refusing, hanging, , killed] = seen;
  expect(seen.map(({ calls }) => calls)).toEqual([40, 40, 40, 40, 40, 40]);
  expect(seen.map(({ failed }) => failed)).toEqual([0, 0, 0, 0, 0, 0]);
  expect([calm!.eu, refusing!.eu, hanging!.eu, killed!.eu]).toEqual([1, 0, 0, 0]);
  for (const { retries } of [refusing!, hanging!, killed!]) expect(retries).toBeGreaterThan(0);
});
