/** The public names of `kyoa/outbox`. */
export { outbox } from './outbox/outbox.ts';
export type { Outbox, Waiting } from './outbox/outbox.ts';
export type { OutboxOptions, OutboxOverride } from './outbox/options.ts';
export { OutboxError } from './outbox/outbox-error.ts';
export type { Settled } from './outbox/settled.ts';
export { unreachable } from './outbox/verdict.ts';
