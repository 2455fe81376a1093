/** Schedules the outage of a preset within a run. */
import type { Flaky } from '../server/flaky.ts';
import type { Span } from '../network/presets.ts';

/**
 * Switches the outage off, then on and off again at the ends of `span`, within a run of `length` ms. The returned
 * function cancels the switches that are still scheduled.
 */
export function scheduleOutage(flaky: Pick<Flaky, 'change'>, span: Span, length: number): () => void {
  const set = (outage: boolean) => (): void => flaky.change({ outage });
  const from = span.from * length;
  const to = Math.min(span.to * length, from + (span.longest ?? Infinity));
  set(false)();
  const timers = [setTimeout(set(true), from), setTimeout(set(false), to)];

  return () => timers.forEach(clearTimeout);
}
