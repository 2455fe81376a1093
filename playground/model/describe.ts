/** An event of kyoa's in a few words. */
import type { KyoaEvent } from 'kyoa';

/** Facts that are durations. */
const durations = new Set(['delay', 'duration', 'elapsed', 'limit']);
/** Said elsewhere, or of no interest within one call. */
const silent = new Set(['id', 'key', 'method', 'time', 'type']);

/** Its facts, as `retry 1, delay 134 ms, status 503`. */
export function describe(event: KyoaEvent): string {
  return Object.entries(event)
    .filter(([name, value]) => !silent.has(name) && value !== undefined)
    .map(([name, value]) => fact(name, value, event.time))
    .join(', ');
}

function fact(name: string, value: unknown, time: number): string {
  if (name === 'error') return nameError(value);
  if (name === 'url') return new URL(String(value)).pathname;
  if (name === 'retryAt') return `closed for ${Math.max(0, Math.round(Number(value) - time))} ms`;
  if (typeof value === 'number' && durations.has(name)) return `${name} ${Math.round(value)} ms`;
  return `${name} ${String(value)}`;
}

/** kyoa's code where there is one, else the error's own name and message. */
export function nameError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return 'code' in error && typeof error.code === 'string' ? error.code : `${error.name}: ${error.message}`;
}
