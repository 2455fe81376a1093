/** Describes a call in clauses, in the words of `explain()`: `503 after 41 ms, retry 1 in 143 ms`. */
import { explain } from 'kyoa';
import type { CallRecord } from './types.ts';

/** One clause for each decision, and one for the end of the call. */
export function describeCall({ events, dropped, outcome, label }: CallRecord): readonly string[] {
  const clauses: string[] = [];
  // Each line begins with the name of the call.
  const write = (line: string): void => void clauses.push(line.slice(line.indexOf(': ') + 2));
  const listener = explain({ write, color: false, groups: false });
  for (const { event } of events) listener(event);
  const isCut = outcome === 'broken' && events.some(({ event }) => event.type === 'request.settled' && event.status);
  return [
    ...clauses,
    ...(dropped > 0 ? [`${dropped} more events`] : []),
    ...(outcome === 'late' ? ['the caller left after 5 s'] : []),
    ...(isCut ? [`the body ended early: ${label}`] : []),
  ];
}
