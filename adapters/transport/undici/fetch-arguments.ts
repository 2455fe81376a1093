/** Reads the arguments of fetch: the request, and what aborts it. */
import type { AbortSource } from '../../../src/core/engine/lazy-abort.ts';
import { isUntouched, LazyGet, lazyGet, type RequestLike } from '../../../src/core/engine/lazy-request.ts';
import { abortSource } from '../../../src/core/engine/transport-protocol.ts';

/** Members of init that have no effect on the Request as this transport sends it. */
const ignoredMembers: ReadonlySet<string> = new Set([
  'signal',
  'referrer',
  'referrerPolicy',
  'priority',
  'dispatcher',
  'window',
]);

/** The signal is left out of the Request: a Request that follows a signal costs several times as much as one without. */
export function requestLikeOf(input: RequestLike | string | URL, init: RequestInit = {}): RequestLike {
  // The constructor throws the platform's own error for a signal that is none.
  if (init.signal != null && !(init.signal instanceof AbortSignal)) return new Request(fetchInput(input), init);
  if (changesNothing(init)) {
    const plain = isUntouched(input) ? input : lazyGet(input);
    if (plain !== undefined) return plain;
    // The constructor throws the platform's own error for a body that was read before.
    if (input instanceof Request) return input.bodyUsed || input.body?.locked === true ? new Request(input) : input;
  }
  const { signal: _, ...others } = init;
  return new Request(fetchInput(input), others);
}

/** The controller that kyoa's entry points pass, or the signal of the caller. */
export function abortSourceOf(
  input: RequestLike | string | URL,
  init: RequestInit & { readonly [abortSource]?: AbortSource } = {},
): AbortSource | null | undefined {
  return init[abortSource] ?? (init.signal !== undefined || !(input instanceof Request) ? init.signal : input.signal);
}

function fetchInput(input: RequestLike | string | URL): RequestInfo | URL {
  return input instanceof LazyGet ? input.request : input;
}

function changesNothing(init: RequestInit): boolean {
  for (const name in init) if (!ignoredMembers.has(name)) return false;
  return true;
}
