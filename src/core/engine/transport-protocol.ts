/**
 * A transport that takes bodies off the wire itself knows when one has come whole, whether or not it has been read. Its
 * Responses have this member on them, so that a policy need not put itself between the body and its reader.
 */
export const bodyArrival: unique symbol = Symbol.for('kyoa.arriving') as never;

export interface BodyArrival {
  /** What the answer says of its body: to ask `headers` would make them. */
  readonly contentType: string | undefined;
  /** `end` is called once: all has come, or nothing more will (`complete` is false); at once if that has been. */
  onEnd(end: (complete: boolean) => void): void;
  /** Whoever reads, now or later, is rejected with exactly this; too late when all has come. */
  abort(error: unknown): void;
}

/** `undefined` for who cannot say. */
export function bodyArrivalOf(response: Response): BodyArrival | undefined {
  return (response as { readonly [bodyArrival]?: BodyArrival })[bodyArrival];
}

/**
 * A stream is dear, and most bodies are read without one. A transport whose Responses make theirs when `body` is
 * asked for has this member on them, so that a policy need not ask `body` whether there is one.
 */
export const unopenedBody: unique symbol = Symbol.for('kyoa.unopened') as never;

/** Whether there is a body that nobody has read or had as a stream; `false` also for who cannot say. */
export function hasUnopenedBody(response: Response): boolean {
  return (response as { readonly [unopenedBody]?: boolean })[unopenedBody] === true;
}

/**
 * A transport that has this member, whatever its value, is given the branch itself: the init's member of the same name,
 * in the place of `signal`.
 */
export const abortSource: unique symbol = Symbol.for('kyoa.branch') as never;
