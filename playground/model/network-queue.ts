/** Changes the network. The changes run one after another, so that the last one applies. */
import type { Network } from '../network/network.ts';
import type { Patch } from '../network/settings.ts';

export interface NetworkQueue {
  readonly change: (patch: Patch) => void;
  /** Does the work after the changes so far. */
  readonly after: (work: () => unknown) => void;
  /** Reports an error. */
  readonly fail: (error: unknown) => void;
  readonly idle: () => Promise<unknown>;
}

/** `report` receives the error of the last change, or `undefined` if it succeeded. */
export function createNetworkQueue(network: Network, report: (fault: string | undefined) => void): NetworkQueue {
  let last: Promise<unknown> = Promise.resolve();
  const fail = (error: unknown): void =>
    report(`The network could not be changed: ${error instanceof Error ? error.message : String(error)}`);
  const enqueue = (work: () => unknown): void => {
    last = last.then(work).then(() => report(undefined), fail);
  };

  return {
    change: (patch) => enqueue(() => network.change(patch)),
    after: enqueue,
    fail,
    idle: () => last,
  };
}
