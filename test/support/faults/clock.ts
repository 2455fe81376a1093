/**
 * The platform's own clock, taken when this module loads: the kit keeps real time also while a test has put
 * fake timers in place of the globals.
 */
import timers from 'node:timers/promises';

export const later: typeof globalThis.setTimeout = globalThis.setTimeout;
export const forget: typeof globalThis.clearTimeout = globalThis.clearTimeout;
export const soon: typeof globalThis.setImmediate = globalThis.setImmediate;
export const sleep: typeof timers.setTimeout = timers.setTimeout;
export const now: () => number = performance.now.bind(performance);
export const unixTime: () => number = Date.now.bind(Date);
