/**
 * A stream is dear, and most bodies are read without one. A transport whose Responses make theirs when `body` is
 * asked for has this member on them, so that a policy need not ask `body` whether there is one.
 */
export const unopened: unique symbol = Symbol.for('kyoa.unopened') as never;

/** Whether there is a body that nobody has read or had as a stream; `false` also for who cannot say. */
export function isUnopened(response: Response): boolean {
  return (response as { readonly [unopened]?: boolean })[unopened] === true;
}
