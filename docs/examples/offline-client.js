/** The client of an order app, in its page and in its service worker. */
import kyoa from 'kyoa';
import { indexeddb } from 'kyoa/indexeddb';
import { outbox } from 'kyoa/outbox';

export const box = outbox();
export const api = kyoa.extend({ storage: indexeddb('shop'), use: (stack) => [box, ...stack] });
