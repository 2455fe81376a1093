/** A context for what is tested beneath the faces. */
import { memory } from '../../adapters/storage/memory.ts';
import { createContext, type CallSettings, type Context } from '../../src/core/context.ts';

export function contextOf(
  call: Partial<CallSettings> = {},
  signal: AbortSignal = new AbortController().signal,
): Context {
  const whole: CallSettings = { options: {}, init: {}, storage: memory(), side: 'client', stack: [], ...call };
  return createContext(whole, new Request('http://api.example/'), signal);
}
