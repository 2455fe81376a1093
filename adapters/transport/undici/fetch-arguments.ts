/** Reads the arguments of fetch: the request, and the signal that aborts it. */
import { requestOf, type RequestLike } from '../../../src/core/engine/lazy-request.ts';
import { isStream } from '../../../src/core/engine/request-body.ts';

/** Members of init that have no effect on the request as this transport sends it. */
const ignoredMembers = ['signal', 'referrer', 'referrerPolicy', 'priority', 'dispatcher', 'window'] as const;

export function readRequest(input: RequestInfo | URL, init: RequestInit = {}): RequestLike {
  // The constructor throws the platform's own error for a signal that is none.
  if (init.signal != null && !(init.signal instanceof AbortSignal)) void new Request(input, init);
  const members: Record<string, unknown> = { ...init };
  // A Request that follows a signal costs several times as much as one without.
  for (const name of ignoredMembers) delete members[name];
  return requestOf(input, members);
}

export function readSignal(input: RequestInfo | URL, init?: RequestInit): AbortSignal | null | undefined {
  return init?.signal !== undefined || !(input instanceof Request) ? init?.signal : input.signal;
}

/** Throws as the constructor of Request does, which has not seen the parts of a lazy request. */
export function checkRequest(request: RequestLike): void {
  const { url, body, members } = request;
  if (body === undefined) {
    const given = request.request;
    if (given.bodyUsed || given.body?.locked === true) void new Request(given);
  } else if (isStream(body)) void request.request;
  else for (const _ in members) return void new Request(url, members);
}
