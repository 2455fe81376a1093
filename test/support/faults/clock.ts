/**
 * The clock of the platform. The functions are read when this module loads, so that the test kit keeps real time while a
 * test has fake timers.
 */
import timers from 'node:timers/promises';

export const later: typeof globalThis.setTimeout = globalThis.setTimeout;
export const forget: typeof globalThis.clearTimeout = globalThis.clearTimeout;
export const soon: typeof globalThis.setImmediate = globalThis.setImmediate;
export const sleep: typeof timers.setTimeout = timers.setTimeout;
export const now: () => number = performance.now.bind(performance);
export const unixTime: () => number = Date.now.bind(Date);
