/** The public names of `kyoa/events`. */
export { events } from './event-streams/events.ts';
export type { EventsOptions, EventStream } from './event-streams/events.ts';
export type { EventsApi } from './event-streams/request.ts';
export type { EventStreamChange } from './event-streams/connections.ts';
export { EventStreamError } from './event-streams/event-stream-error.ts';
export type { ServerSentEvent } from './event-streams/parser.ts';
