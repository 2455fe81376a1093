/** The client of the app, in its page and in its service worker. */
import { indexeddb } from '../../../adapters/storage/indexeddb.ts';
import kyoa from '../../../src/index.ts';
import { outbox } from '../../../src/outbox.ts';

export const api = kyoa.extend({ storage: indexeddb('orders'), use: (stack) => [outbox(), ...stack] });
