/** What is stored of a token. It is the result of the lease under which the token was renewed. */
import { parseStored } from '../../lib/stored-json.ts';

export interface StoredToken<T> {
  /** One more with each renewal, sign-in and sign-out: a call compares it with that of the token that it sent. */
  readonly generation: number;
  /** `null` after a sign-out. */
  readonly token: T | null;
  /** When it was stored, Unix ms. */
  readonly since: number;
  /** The `requestId` of the renewal that will replace it. */
  readonly renewal: string;
}

export function nextToken<T>(former: StoredToken<T> | undefined, token: T | null): StoredToken<T> {
  const generation = (former?.generation ?? 0) + 1;
  return { generation, token, since: Date.now(), renewal: crypto.randomUUID() };
}

/** @throws {StorageError} if the text is not one that kyoa wrote */
export function parseToken<T>(key: string, text: string): StoredToken<T> {
  return parseStored(key, text, isStoredToken<T>);
}

function isStoredToken<T>(value: unknown): value is StoredToken<T> {
  const { generation, token, since, renewal } = Object(value) as Partial<Record<string, unknown>>;
  const isKnown = typeof generation === 'number' && typeof since === 'number' && typeof renewal === 'string';
  return isKnown && typeof token === 'object';
}
