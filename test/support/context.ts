/** A context for what is tested beneath the faces. */
import { memory } from '../../adapters/storage/memory.ts';
import { createContext, type Call, type Context } from '../../src/core/context.ts';

export function contextOf(call: Partial<Call> = {}, signal: AbortSignal = new AbortController().signal): Context {
  const whole: Call = { options: {}, init: {}, storage: memory(), side: 'client', stack: [], ...call };
  return createContext(whole, new Request('http://api.example/'), signal);
}
