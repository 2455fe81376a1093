/** The call that the visitor has chosen in the waterfall. */
import type { CallRecord } from '../model/types.ts';

let chosen: CallRecord | undefined;
const listeners = new Set<(call: CallRecord | undefined) => void>();

export function choose(call: CallRecord | undefined): void {
  chosen = call;
  for (const listener of listeners) listener(call);
}

/** Calls the listener with every choice from now on. */
export function onChoice(listener: (call: CallRecord | undefined) => void): void {
  listeners.add(listener);
  if (chosen !== undefined) listener(chosen);
}
