/** Every call has a Request from its start. */
export * from '../../../src/core/engine/lazy-request.ts';

export function lazyGet(): undefined {
  return undefined;
}
