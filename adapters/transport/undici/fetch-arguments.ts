/** Reads the arguments of fetch: the request, and the signal that aborts it. */
import type { RequestInfo } from '../../../src/core/engine/fetch-types.ts';
import { listed } from '../../../src/core/engine/init-members.ts';
import { requestOf, type RequestLike } from '../../../src/core/engine/lazy-request.ts';
import { isStream } from '../../../src/core/engine/request-body.ts';

/** Members of init that have no effect on the request as this transport sends it. */
const ignoredMembers = ['referrer', 'referrerPolicy', 'priority', 'dispatcher', 'window'] as const;

/** Throws the platform's own error for a member that is not valid. */
export function readRequest(input: RequestInfo | URL, init: RequestInit | null): RequestLike {
  if (init === null) return requestOf(input, {});
  if (init instanceof Request || typeof init !== 'object') return requestOf(new Request(input, init), {});
  if (init.signal != null && !(init.signal instanceof AbortSignal)) void new Request(input, init);
  const members: Record<string, unknown> = { ...listed(init) };
  // A Request that follows a signal costs several times as much as one without.
  delete members['signal'];
  for (const name of ignoredMembers) {
    if (members[name] !== undefined) void new Request('http://localhost', { [name]: members[name] });
    delete members[name];
  }
  return requestOf(input, members);
}

export function readSignal(input: RequestInfo | URL, init: RequestInit | null): AbortSignal | null | undefined {
  return init?.signal !== undefined || !(input instanceof Request) ? init?.signal : input.signal;
}

/** Throws as the constructor of Request does, which has not seen the parts of a lazy request. */
export function checkRequest(request: RequestLike): void {
  const { url, method, body, members } = request;
  if (body === undefined) {
    const given = request.request;
    if (given.bodyUsed || given.body?.locked === true) void new Request(given);
  } else if (isStream(body)) {
    // The request has no body if its stream was read before.
    if (request.request.body === null) void new Request(...request.fetchArguments({}));
  } else for (const _ in members) return void new Request(url, { ...members, method });
}
