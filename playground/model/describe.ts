/** Describes kyoa's events and errors in a few words. */
import type { KyoaEvent } from 'kyoa';

/** Members of an event that are durations. */
const durations = new Set(['delay', 'duration', 'elapsed', 'limit']);
/** Members that the page shows elsewhere, or that are the same for all events of a call. */
const omitted = new Set(['id', 'key', 'method', 'time', 'type']);

/** The members of an event, such as `retry 1, delay 134 ms, status 503`. */
export function describe(event: KyoaEvent): string {
  return Object.entries(event)
    .filter(([name, value]) => !omitted.has(name) && value !== undefined)
    .map(([name, value]) => member(name, value, event.time))
    .join(', ');
}

function member(name: string, value: unknown, time: number): string {
  if (name === 'error') return nameError(value);
  if (name === 'url') return new URL(String(value)).pathname;
  if (name === 'retryAt') return `circuit open for ${Math.max(0, Math.round(Number(value) - time))} ms`;
  if (typeof value === 'number' && durations.has(name)) return `${name} ${Math.round(value)} ms`;
  return `${name} ${String(value)}`;
}

/** The code of the error if it has one, otherwise its name and message. */
export function nameError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return 'code' in error && typeof error.code === 'string' ? error.code : `${error.name}: ${error.message}`;
}
