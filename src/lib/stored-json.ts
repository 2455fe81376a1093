/** Reads what kyoa has written to a storage as JSON. */
import { StorageError } from '../core/errors.ts';

/** @throws {StorageError} if `isOwn` refuses the value: it is damaged, or another application wrote it */
export function parseStored<T>(key: string, text: string, isOwn: (value: unknown) => value is T): T {
  try {
    const value: unknown = JSON.parse(text);
    if (isOwn(value)) return value;
  } catch {
    // It is truncated, or no JSON.
  }
  throw new StorageError(`The entry ${key} is not one that kyoa wrote, and was left unchanged; delete it`);
}
