/**
 * What a transport of ours (`undici()`) and the policies exchange beyond the contract of fetch, to save objects that
 * most calls do not need. A response reports when its body has arrived whole (`bodyArrival`), so that a policy need not
 * observe its reader. It reports that its stream has not been created yet (`unopenedBody`), so that a policy need not
 * read `body`, which would create the stream. The transport accepts the abort source of the call in place of a signal
 * (`abortSource`), so that no AbortSignal is created. A GET through `standard()` on `undici()` allocates 24 kB in Node
 * 24, 36 kB without `bodyArrival`, and 25 kB with a signal; of the 12 kB a stream is 9. Each member is optional: any
 * other fetch works without them. The symbols are registered, because the transport may have been loaded with another
 * copy of this module.
 */

/** A member of a Response. */
export const bodyArrival: unique symbol = Symbol.for('kyoa.bodyArrival') as never;

export interface BodyArrival {
  /** The `content-type` of the response. Reading `headers` would create them. */
  readonly contentType: string | undefined;
  /** Calls `end` once, when the whole body has arrived (`complete`) or no more of it will; at once if that has happened. */
  onEnd(end: (complete: boolean) => void): void;
  /** Each read, pending or later, rejects with exactly this error. No effect once the whole body has arrived. */
  abort(error: unknown): void;
}

/** `undefined` for the response of any other transport. */
export function bodyArrivalOf(response: Response): BodyArrival | undefined {
  return (response as { readonly [bodyArrival]?: BodyArrival })[bodyArrival];
}

/** A member of a Response: whether it has a body that has not been read and whose stream has not been created. */
export const unopenedBody: unique symbol = Symbol.for('kyoa.unopenedBody') as never;

/** `false` also for the response of any other transport. */
export function hasUnopenedBody(response: Response): boolean {
  return (response as { readonly [unopenedBody]?: boolean })[unopenedBody] === true;
}

/**
 * A member of a transport, with any value: its init may have a member of this name, with the abort source of the call, in
 * place of `signal`.
 */
export const abortSource: unique symbol = Symbol.for('kyoa.abortSource') as never;
