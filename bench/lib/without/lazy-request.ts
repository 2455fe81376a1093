/** Every call has a Request from its start. */
import { GivenRequest, type RequestLike } from '../../../src/core/engine/lazy-request.ts';

export * from '../../../src/core/engine/lazy-request.ts';

export function requestOf(input: RequestInfo | URL, init: RequestInit): RequestLike {
  return new GivenRequest(new Request(input, init));
}
