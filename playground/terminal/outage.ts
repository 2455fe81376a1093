/** The outage that a preset puts into a run. */
import type { Flaky } from '../server/flaky.ts';
import type { Span } from '../network/presets.ts';

/** Switches the outage off now, on and off again in its span of a run of so many ms; the result cancels what is left. */
export function scheduleOutage(flaky: Pick<Flaky, 'change'>, span: Span, length: number): () => void {
  const set = (outage: boolean) => (): void => flaky.change({ outage });
  const from = span.from * length;
  const to = Math.min(span.to * length, from + (span.longest ?? Infinity));
  set(false)();
  const timers = [setTimeout(set(true), from), setTimeout(set(false), to)];

  return () => timers.forEach(clearTimeout);
}
