/** Decides whether a response is an event stream. */
import { KyoaError, withoutUrlSecrets } from '../core/errors.ts';

/**
 * The server has not sent an event stream. The response has another status than 200, another content type than
 * `text/event-stream`, a body that cannot be read as a stream, or an event of more than 64 Mi characters.
 *
 * @example
 * ```ts
 * import { events, EventStreamError } from 'kyoa/events';
 *
 * try {
 *   for await (const { data } of events(fetch, 'https://api.example.com/feed')) console.log(data);
 * } catch (error) {
 *   if (error instanceof EventStreamError) console.warn(error.response.status, error.message);
 * }
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/event-streams.md#errors
 */
export class EventStreamError extends KyoaError {
  override name = 'EventStreamError';
  /** Private: a log of the error must not contain the headers of the response. */
  readonly #response: Response;

  constructor(response: Response, problem: string) {
    super('EVENT_STREAM', `${response.url === '' ? 'The response' : withoutUrlSecrets(response.url)} ${problem}`);
    this.#response = response;
  }

  /** The response. Its body is unread, unless an event of it was too long. */
  get response(): Response {
    return this.#response;
  }
}

/** @throws {EventStreamError} for a response that is no event stream (HTML §9.2.2) */
export function checkEventStream(response: Response): void {
  const { status, headers } = response;
  if (status !== 200) throw new EventStreamError(response, `has the status ${status}; an event stream has 200`);
  const type = headers.get('content-type') ?? '';
  if (/^text\/event-stream\s*(;|$)/i.test(type)) return;
  const given = type === '' ? 'no content-type' : `the content-type ${type.slice(0, 100)}`;
  throw new EventStreamError(response, `has ${given}; an event stream has text/event-stream`);
}
