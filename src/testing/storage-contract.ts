/** What holds an adapter to its contract, with any test runner: `for (const { name, run } of ...) test(name, run)`. */
import type { Storage } from '../core/storage.ts';
import { expiry } from './storage/expiry.ts';
import { openers } from './storage/openers.ts';
import { anyText } from './storage/texts.ts';
import { verbs } from './storage/verbs.ts';

/** One sentence of the contract; `run` rejects where it does not hold. */
export interface Clause {
  readonly name: string;
  readonly run: () => Promise<void>;
}

export interface StorageContractOptions {
  /** Whether all that `open` gives keep their entries in one place. `false` leaves out what follows from that. @default true */
  readonly shared?: boolean;
}

/**
 * `open` is called anew for each clause and may give the same place each time, also one with entries of others:
 * the clauses keep to keys of their own, some short and odd ones apart (`''`, `'__proto__'` and the like), which they
 * overwrite and delete.
 */
export function storageContract(
  open: () => Storage | Promise<Storage>,
  { shared = true }: StorageContractOptions = {},
): Clause[] {
  const clauses = { ...verbs, ...expiry, ...anyText, ...(shared && openers) };

  return Object.entries(clauses).map(([name, body]) => ({
    name,
    run: async () => {
      const opened: Storage[] = [];
      const another = async (): Promise<Storage> => {
        const storage = await open();
        opened.push(storage);
        return storage;
      };
      try {
        await body({ open: another, store: await another(), key: unusedKey() });
      } finally {
        for (const storage of opened) await storage.close();
      }
    },
  }));
}

function unusedKey(): string {
  return `contract-${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}`;
}
