/** A context for tests that call no entry point. */
import { memory } from '../../adapters/storage/memory.ts';
import { createContext, type CallState, type Context } from '../../src/core/context.ts';
import { SignalSource } from '../../src/core/engine/lazy-abort.ts';
import { GivenRequest, requestOf, type RequestLike } from '../../src/core/engine/lazy-request.ts';
import { url } from './http.ts';

export interface ContextParts extends Partial<CallState> {
  readonly request?: Request | RequestLike;
  readonly signal?: AbortSignal;
}

export function contextOf({ request = requestOf(url, {}), signal, ...settings }: ContextParts = {}): Context {
  return createContext(
    { options: {}, transport: {}, storage: memory(), side: 'client', stack: [], started: 0, sent: 0, ...settings },
    request instanceof Request ? new GivenRequest(request) : request,
    new SignalSource(signal ?? new AbortController().signal),
  );
}
