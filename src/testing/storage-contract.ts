/** Checks a storage against the contract, with any test runner: `for (const { name, run } of ...) test(name, run)`. */
import type { Storage } from '../core/storage.ts';
import { expiryClauses } from './storage/expiry.ts';
import { operationClauses } from './storage/operations.ts';
import { sharedClauses } from './storage/several-instances.ts';
import { textClauses } from './storage/round-trip.ts';

/**
 * One clause of the contract.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/writing-a-storage.md#5-run-the-contract-suite
 */
export interface Clause {
  /** A sentence, for the title of a test. */
  readonly name: string;
  /** Rejects with an Error that states the difference if the storage breaks the clause. */
  readonly run: () => Promise<void>;
}

/**
 * The options of `storageContract()`.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/writing-a-storage.md#5-run-the-contract-suite
 */
export interface StorageContractOptions {
  /** Whether all storages that `open` returns share their entries. `false` omits the clauses about that. @default true */
  readonly shared?: boolean | undefined;
}

/**
 * The clauses that every storage must fulfil. `open` is called at least once for each clause. It may open the same place
 * each time, and the place may contain other entries: a clause uses random keys, except for some short ones (`''`,
 * `'__proto__'` and the like), which it overwrites and deletes.
 *
 * @example
 * ```ts
 * import { test } from 'node:test';
 * import { memory } from 'kyoa';
 * import { storageContract } from 'kyoa/testing';
 *
 * for (const { name, run } of storageContract(() => memory(), { shared: false })) test(name, run);
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/writing-a-storage.md#5-run-the-contract-suite
 */
export function storageContract(
  open: () => Storage | Promise<Storage>,
  { shared = true }: StorageContractOptions = {},
): Clause[] {
  const clauses = {
    ...operationClauses,
    ...expiryClauses,
    ...textClauses,
    ...(shared && sharedClauses),
  };

  return Object.entries(clauses).map(([name, check]) => ({
    name,
    run: async () => {
      const opened: Storage[] = [];
      const openAnother = async (): Promise<Storage> => {
        const storage = await open();
        opened.push(storage);
        return storage;
      };
      try {
        await check({ open: openAnother, store: await openAnother(), key: unusedKey() });
      } finally {
        for (const storage of opened) await storage.close();
      }
    },
  }));
}

function unusedKey(): string {
  return `contract-${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}`;
}
