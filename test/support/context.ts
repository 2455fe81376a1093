/** A context for what is tested without an entry point. */
import { memory } from '../../adapters/storage/memory.ts';
import { createContext, type CallSettings, type Context } from '../../src/core/context.ts';

export interface ContextParts extends Partial<CallSettings> {
  readonly request?: Request;
  readonly signal?: AbortSignal;
}

export function contextOf({ request, signal, ...settings }: ContextParts = {}): Context {
  return createContext(
    { options: {}, init: {}, storage: memory(), side: 'client', stack: [], ...settings },
    request ?? new Request('http://api.example/'),
    signal ?? new AbortController().signal,
  );
}
