/** What is checked on every runtime, and how a runtime is described. */

/** The rows of the table of docs/runtimes.md. `smoke.ts` checks them; a runtime gives a reason for each that it lacks. */
export const capabilities = [
  '`createFetch` with `standard()`',
  'the client',
  '`createHandler`',
  'policy documents',
  '`retry`',
  '`timeout`: total',
  '`timeout`: headers',
  '`timeout`: idle',
  'abort while the body is read',
  'a caller that leaves takes nothing of another along',
  '`hedge`',
  '`dedupe`',
  '`limit`',
  '`idempotency` in a handler',
  'a stream as request body',
  'a stream as response body',
  'an event stream',
  'an upload that goes on after a break',
  'storage: `memory`',
  'storage: `kyoa/file`',
  'storage: `kyoa/indexeddb`',
  'transport: `kyoa/undici`',
] as const;

export type Capability = (typeof capabilities)[number];

/** Runs a check and records its outcome. It does not reject. A name that is not a capability is a check of its runtime alone. */
export type Check = (name: string, work: () => Promise<void>) => Promise<void>;

export interface Runtime {
  /** As the lane prints it: `Node 22`. */
  readonly name: string;
  /** The column of the table. Several runtimes may share one; a cell holds only if it holds for all of them. */
  readonly column: string;
  /** What the runtime does not offer, with the reason, in a few words. */
  readonly without: Readonly<Partial<Record<Capability, string>>>;
  /** Resolves to the version that was tested. Rejects if the runtime cannot be had. */
  run(check: Check): Promise<string>;
}
