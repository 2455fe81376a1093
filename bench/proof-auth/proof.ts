/** What the parts of the proof have in common. */
import { setTimeout as sleep } from 'node:timers/promises';

/** Prints a table, and resolves to what does not hold. */
export type Proof = (run: { readonly smoke: boolean; readonly random: () => number }) => Promise<readonly string[]>;

export async function until(holds: () => boolean): Promise<void> {
  const end = performance.now() + 30_000;
  while (!holds()) {
    if (performance.now() > end) throw new Error(`not within 30 s: ${String(holds)}`);
    await sleep(5);
  }
}
