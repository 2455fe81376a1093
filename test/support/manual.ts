/** A transport whose response the test gives by hand. */
import type { Fetch } from '../../src/index.ts';
import { deferred } from './promises.ts';

export interface Manual {
  readonly transport: Fetch;
  /** Resolves when the transport receives its first request. */
  readonly requested: Promise<void>;
  /** Gives every request, earlier or later, a copy of this response. */
  readonly respond: (response: Response) => void;
  /** Rejects every request, earlier or later. */
  readonly fail: (error: unknown) => void;
  /** How many requests the transport has received. */
  readonly calls: () => number;
}

export function manual(): Manual {
  const requested = deferred();
  const response = deferred<Response>();
  let calls = 0;
  const transport: Fetch = async () => {
    calls += 1;
    requested.resolve();
    return (await response.promise).clone();
  };
  return {
    transport,
    requested: requested.promise,
    respond: response.resolve,
    fail: response.reject,
    calls: () => calls,
  };
}
