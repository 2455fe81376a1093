/** The figures that several exhibits show. */
import type { CallRecord } from '../model/types.ts';
import { count, milliseconds, percent, ratio } from '../page/format.ts';
import type { Figure, LaneView } from './exhibit.ts';

export const success: Figure = {
  title: 'Success',
  read: (lane) => percent(shareOf(lane, ({ outcome }) => outcome === 'answered')),
};
export const perCall: Figure = { title: 'Requests per call', read: ({ measures }) => ratio(measures().upstream) };
export const p50: Figure = { title: 'p50', read: ({ measures }) => milliseconds(measures().p50) };
export const p95: Figure = { title: 'p95', read: ({ measures }) => milliseconds(measures().p95) };
export const requests: Figure = { title: 'Requests', read: (lane) => count(lane.requests()) };
export const substitutes: Figure = {
  title: 'Substitutes',
  read: (lane) => percent(shareOf(lane, ({ outcome }) => outcome === 'substitute')),
};
export const failures: Figure = {
  title: 'Failures',
  read: (lane) => percent(shareOf(lane, isFailure)),
};

/** The mean time that a caller waits for a failure. */
export const failureAfter: Figure = {
  title: 'A failure takes',
  read: ({ ended }) => {
    const waits = ended().filter(isFailure).map(durationOf);
    return milliseconds(waits.length === 0 ? undefined : waits.reduce((sum, wait) => sum + wait, 0) / waits.length);
  },
};

export const waiting: Figure = { title: 'Calls that wait', read: ({ running }) => count(running().length) };

export const longestWait: Figure = {
  title: 'Longest wait',
  read: ({ ended, running, now }) => {
    const waits = [...ended().map(durationOf), ...running().map(({ start }) => now - start)];
    return milliseconds(waits.length === 0 ? undefined : Math.max(...waits));
  },
};

export function durationOf({ start, end }: CallRecord): number {
  return (end ?? start) - start;
}

function isFailure({ outcome }: CallRecord): boolean {
  return outcome !== 'answered' && outcome !== 'substitute' && outcome !== 'replaced';
}

function shareOf({ ended }: LaneView, holds: (call: CallRecord) => boolean): number | undefined {
  const calls = ended();
  return calls.length === 0 ? undefined : calls.filter(holds).length / calls.length;
}
