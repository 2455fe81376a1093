/** The public names of `kyoa/events`. */
export { events } from './events/events.ts';
export type { EventsOptions, EventStream } from './events/events.ts';
export type { EventsApi } from './events/request.ts';
export type { EventStreamChange } from './events/connections.ts';
export { EventStreamError } from './events/event-stream-error.ts';
export type { ServerSentEvent } from './events/parser.ts';
