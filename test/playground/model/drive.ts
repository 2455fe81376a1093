/** A session on a calm simulated network, and its traffic on fake timers. */
import { memory } from 'kyoa';
import { onTestFinished, vi } from 'vitest';
import { usual } from '../../../playground/model/configuration.ts';
import { openSession } from '../../../playground/model/session.ts';
import type { Session, Stack } from '../../../playground/model/types.ts';
import { presets } from '../../../playground/network/presets.ts';
import { change } from '../../../playground/network/settings.ts';
import type { Patch } from '../../../playground/network/settings.ts';
import { simulatedNetwork } from '../../../playground/network/simulated-network.ts';

export async function open(patch: Patch, stack: Stack): Promise<Session> {
  const settings = change(change(presets['steady']!.settings, { latency: { median: 5, sigma: 0 } }), patch);
  const network = simulatedNetwork({ settings, storage: memory() });
  const link = {
    configuration: { ...usual, preset: 'steady', settings, stack, rate: 100 },
    place: undefined,
    hasSettings: true,
    complaints: [],
  };
  const session = await openSession({ network, link });
  onTestFinished(() => session.close());
  return session;
}

/** Traffic for so many ms, and as long as the last caller may wait. */
export async function drive(session: Session, ms: number): Promise<void> {
  session.start();
  await vi.advanceTimersByTimeAsync(ms);
  session.stop();
  await vi.advanceTimersByTimeAsync(5_100);
}
