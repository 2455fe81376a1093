/** A listener for `observe` that shows calls in the performance panel of a browser, by entries of User Timing. */
import type { KyoaEvent, Listener } from '../core/events.ts';
import { object, positive, type Settings, type Shape } from '../core/options.ts';
import { redactor } from './redact.ts';
import { errorType } from './semantic-conventions.ts';

/**
 * The options of `timeline()`.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/debugging.md#timeline
 */
export interface TimelineOptions {
  /** Entries that are kept in the timeline of the page; the oldest ones are cleared. `Infinity` keeps all. @default 1_000 */
  readonly keep?: number | undefined;
}

const shape: Shape<Settings<TimelineOptions>> = { keep: [positive, 1_000] };

/** Calls that are remembered. A call beyond that is forgotten with the oldest ones, also one that never ends. */
const maxCalls = 1_000;

/** A track of the panel, in the group `kyoa`. */
type Track = 'calls' | 'attempts' | 'pauses';

interface Entry {
  readonly track: Track;
  readonly name: string;
  /** ms on the clock of `performance.now()`. */
  readonly start: number;
  readonly color: 'primary' | 'secondary-light' | 'tertiary' | 'error';
  readonly tooltip: string;
  readonly properties: readonly (readonly [name: string, value: string])[];
}

interface Call {
  readonly name: string;
  /** Until the next attempt: the pause of a retry, the queue of a limit, the wait for another call. */
  pause: { readonly what: string; readonly start: number } | undefined;
}

/**
 * A listener for `observe` that writes an entry of User Timing (`performance.measure`) for each call, each attempt and each
 * pause before an attempt. Chromium's performance panel shows them as tracks of the group `kyoa`. Elsewhere they are ordinary
 * entries, for `performance.getEntriesByType('measure')` and for a PerformanceObserver. It does nothing where a platform has
 * no `performance.measure`.
 *
 * A name contains the number of the call, so that the entries of old calls can be cleared: a page that is open for a day
 * keeps `keep` entries. The panel keeps what it has recorded. Secrets are removed from URLs as in `log`.
 *
 * @example
 * ```ts
 * const fetch = createFetch({ use: [observe(timeline()), ...standard()] });
 * const response = await fetch('https://api.example.com/users');
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/debugging.md#timeline
 * @see https://developer.chrome.com/docs/devtools/performance/extension
 * @throws {KyoaError} `INVALID_OPTION`
 */
export function timeline(options: TimelineOptions = {}): Listener {
  const { keep } = object('timeline', options, shape);
  const redact = redactor();
  const calls = new Map<string, Call>();
  /** The names of the entries that were written, the oldest at `next` once there are `keep` of them. */
  const names: string[] = [];
  let next = 0;
  let started = 0;

  const write = ({ track, name, start, color, tooltip, properties }: Entry): void => {
    if (keep !== Infinity) {
      if (names.length === keep) performance.clearMeasures(names[next]);
      names[next] = name;
      next = (next + 1) % keep;
    }
    const devtools = { dataType: 'track-entry', trackGroup: 'kyoa', track, color, tooltipText: tooltip, properties };
    performance.measure(name, { start, end: performance.now(), detail: { devtools } });
  };

  const endPause = (call: Call): void => {
    const { name, pause } = call;
    if (pause === undefined) return;
    call.pause = undefined;
    const { what, start } = pause;
    write({ track: 'pauses', name: `${name}: ${what}`, start, color: 'tertiary', tooltip: what, properties: [] });
  };

  return function timeline(event) {
    if (typeof performance.measure !== 'function') return;
    if (event.type === 'request.started') {
      if (calls.has(event.id)) return; // a `requestId` in use, or `observe` inside `retry`
      started += 1;
      calls.set(event.id, { name: `#${started} ${event.method} ${redact.url(event.url)}`, pause: undefined });
      if (calls.size > maxCalls) calls.delete(calls.keys().next().value!);
      return;
    }
    const call = calls.get(event.id);
    if (call === undefined) return;
    const pause = pauseOf(event);
    if (pause !== undefined) call.pause = { what: pause, start: performance.now() };
    else if (event.type === 'attempt.sent') endPause(call);
    else if (event.type === 'attempt.answered' || event.type === 'attempt.failed') {
      write({ track: 'attempts', name: `${call.name}: attempt ${event.attempt}`, ...shown(event) });
    } else if (event.type === 'request.settled') {
      calls.delete(event.id);
      endPause(call);
      const { properties, ...entry } = shown(event);
      const more = [
        ['attempts', String(event.attempts)],
        ['id', event.id],
      ] as const;
      write({ track: 'calls', name: call.name, ...entry, properties: [...properties, ...more] });
    }
  };
}

function pauseOf(event: KyoaEvent): string | undefined {
  if (event.type === 'retry.scheduled') return `pause before retry ${event.retry}`;
  if (event.type === 'limit.queued') return 'queue of limit';
  return event.type === 'idempotency.awaited' ? 'wait for the holder of the key' : undefined;
}

/** How the end of a call or of an attempt is shown. */
function shown(event: {
  readonly type: string;
  readonly status?: number;
  readonly error?: unknown;
  readonly aborted?: true;
  readonly duration: number;
}): Pick<Entry, 'start' | 'color' | 'tooltip' | 'properties'> {
  const { status, error, aborted, duration } = event;
  const outcome = aborted ? 'aborted' : status === undefined ? errorType(error) : String(status);
  const isFailure = !aborted && (status ?? 500) >= 500;
  const usual = event.type === 'request.settled' ? 'primary' : 'secondary-light';
  return {
    start: Math.max(0, performance.now() - duration),
    color: isFailure ? 'error' : usual,
    tooltip: outcome,
    properties: [[status === undefined ? 'error' : 'status', outcome]],
  };
}
