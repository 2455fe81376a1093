/** What the clauses of the storage contract share: their arguments, and assertions that need no test runner. */
import { StorageError } from '../../core/errors.ts';
import type { Entry, Storage, Version } from '../../core/storage.ts';

export interface ClauseContext {
  /** Opens another storage on the same place. It is closed after the clause. */
  readonly open: () => Promise<Storage>;
  readonly store: Storage;
  /** A key without an entry. */
  readonly key: string;
}

/** A clause rejects if the storage breaks it. */
export type Clauses = Readonly<Record<string, (context: ClauseContext) => Promise<void>>>;

/** A ttl that a clause waits for, ms. */
export const short = 40;
/** A ttl that ends after every test, ms. */
export const hour = 3_600_000;

export async function oneWins(key: string, stores: readonly Storage[]): Promise<void> {
  const versions = await Promise.all(stores.map((store, index) => store.set(key, `${index}`, { ifVersion: null })));
  const winners = [...versions.keys()].filter((index) => versions[index] !== undefined);
  equal(winners.length, 1, `how many of ${stores.length} concurrent put-if-absent won`);
  for (const store of stores) {
    const expected = { value: String(winners[0]), version: versions[winners[0] ?? 0] };
    equal(await store.get(key), expected, 'get after concurrent put-if-absent');
  }
}

/** For at most twenty concurrent callers: one write succeeds in each round, so no caller fails more than 19 times. */
export async function increment(store: Storage, key: string): Promise<void> {
  for (let attempt = 0; attempt < 20; attempt += 1) {
    const entry = await store.get(key);
    const next = String(Number(entry?.value ?? 0) + 1);
    if ((await store.set(key, next, { ifVersion: entry?.version ?? null })) !== undefined) return;
  }
  fail('a write with the ifVersion that was just read is refused without another write in between');
}

/** Waits until a ttl has expired: timers may fire 1 ms early, and a store may round an expiry to whole ms. */
export function waitFor(ttl: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ttl + 5));
}

export function written(version: Version | undefined): Version {
  if (Number.isSafeInteger(version)) return version as Version;
  return fail(`a write resolves to ${show(version)}, not to a version, which is a safe integer`);
}

export function present(entry: Entry | undefined): Entry {
  return entry ?? fail('an entry that has not expired is absent');
}

export function higher(version: Version, than: Version, what: string): void {
  if (version <= than) fail(`${what} is ${version}, not higher than ${than}, the version before`);
}

export async function closed(verb: () => Promise<unknown>, what: string): Promise<void> {
  const error = await rejection(verb, `${what} of a closed storage`);
  if (!(error instanceof StorageError))
    fail(`${what} of a closed storage rejects with ${show(error)}, not StorageError`);
}

export async function rejection(verb: () => Promise<unknown>, what: string): Promise<unknown> {
  let promise: Promise<unknown>;
  try {
    promise = verb();
  } catch (error) {
    return fail(`${what} throws ${show(error)} instead of rejecting`);
  }
  return promise.then(
    (value) => fail(`${what} resolves to ${show(value)} instead of rejecting`),
    (error: unknown) => error,
  );
}

/** Compares strings, and flat objects regardless of the order of their members. */
export function equal(actual: unknown, expected: unknown, what: string): void {
  if (show(actual) !== show(expected)) fail(`${what} is ${brief(actual)}, not ${brief(expected)}`);
}

export function show(value: unknown): string {
  if (value instanceof Error) return `${value.name}: ${value.message}`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? String(value);
  return JSON.stringify(value, Object.keys(value).toSorted());
}

function brief(value: unknown): string {
  const text = show(value);
  return text.length > 200 ? `${text.slice(0, 200)}... (${text.length} characters)` : text;
}

export function fail(message: string): never {
  throw new Error(message);
}
