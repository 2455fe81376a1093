/** A context for tests that call no entry point. */
import { memory } from '../../adapters/storage/memory.ts';
import { createContext, type CallSettings, type Context } from '../../src/core/context.ts';
import { url } from './http.ts';

export interface ContextParts extends Partial<CallSettings> {
  readonly request?: Request;
  readonly signal?: AbortSignal;
}

export function contextOf({ request, signal, ...settings }: ContextParts = {}): Context {
  return createContext(
    { options: {}, init: {}, storage: memory(), side: 'client', stack: [], ...settings },
    request ?? new Request(url),
    signal ?? new AbortController().signal,
  );
}
