/** The Request of ky as the request of a call, and back again for a fetch that the caller gives to ky. */
import type { BeforeErrorState } from 'ky';
import { GivenRequest, lazyCopy, type RequestLike } from '../core/engine/lazy-request.ts';
import { isTyped, sources } from '../core/engine/request-body.ts';
import { sendRequest } from '../core/engine/transport-protocol.ts';
import { noNames, partitionInit } from '../request-init.ts';
import { brand, type Fetch } from '../transport.ts';

/** A Request exposes its body as a stream only. ky still has the body's source, with which it can be sent again. */
export function noteBody({ request, options: { body } }: Omit<BeforeErrorState, 'error'>): void {
  if (body != null) sources.set(request, body);
}

/** ky's Request as a URL and an init, with the body that ky has created it from. */
export function asWritten(request: Request): RequestLike {
  const body = sources.get(request);
  if (body === undefined) return new GivenRequest(request);
  const copy = lazyCopy(request, body);
  const isTypeRemoved = isTyped(body) && !request.headers.has('content-type');
  return isTypeRemoved ? copy.derive({ headers: { 'content-type': undefined } }) : copy;
}

/** A `fetch` among the options receives a Request, as from ky. kyoa's own fetches and transports take the call as it was written. */
export function withRequest(fetch: Fetch): Fetch {
  if (typeof fetch !== 'function' || brand in fetch || sendRequest in fetch) return fetch;
  return (input, init = {}) => {
    if (typeof input !== 'string') return fetch(input, init);
    const { signal, request, transport } = partitionInit(init, noNames);
    return fetch(new Request(input, request), { ...transport, ...(signal && { signal }) });
  };
}
