/**
 * A transport that takes bodies off the wire itself knows when one has come whole, whether or not it has been read. Its
 * Responses have this member on them, so that a policy need not put itself between the body and its reader.
 */
export const arriving: unique symbol = Symbol.for('kyoa.arriving') as never;

export interface Arriving {
  /** What the answer says of its body: to ask `headers` would make them. */
  readonly contentType: string | undefined;
  /** `end` is called once: all has come, or nothing more will (`complete` is false); at once if that has been. */
  onEnd(end: (complete: boolean) => void): void;
  /** Whoever reads, now or later, is rejected with exactly this; too late when all has come. */
  abort(error: unknown): void;
}

/** `undefined` for who cannot say. */
export function arrivingOf(response: Response): Arriving | undefined {
  return (response as { readonly [arriving]?: Arriving })[arriving];
}
