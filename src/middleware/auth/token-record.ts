/** What is stored of a token. It is the result of the lease under which the token was renewed. */
import { parseStored } from '../../lib/stored-json.ts';

export interface StoredToken<T> {
  /**
   * Greater with each renewal, sign-in and sign-out: a call compares it with that of the token that it sent. It is a Unix
   * time in ms, so that it is also greater than those before the storage was emptied.
   */
  readonly generation: number;
  /** `null` after a sign-out. */
  readonly token: T | null;
  /** Of the sign-in: each has another one, and a renewal keeps it. */
  readonly session: string;
  /** When it was stored, Unix ms. */
  readonly since: number;
  /** The `requestId` of the renewal that will replace it. */
  readonly renewal: string;
}

export function nextToken<T>(
  former: Pick<StoredToken<T>, 'generation' | 'session'> | undefined,
  token: T | null,
): StoredToken<T> {
  const since = Date.now();
  const generation = Math.max((former?.generation ?? 0) + 1, since);
  const session = former?.session ?? crypto.randomUUID();
  return { generation, token, session, since, renewal: crypto.randomUUID() };
}

/** The token of a sign-in, or `null` for a sign-out. */
export function firstToken<T>(former: StoredToken<T> | undefined, token: T | null): StoredToken<T> {
  return nextToken(former && { ...former, session: crypto.randomUUID() }, token);
}

/** @throws {StorageError} if the text is not one that kyoa wrote */
export function parseToken<T>(key: string, text: string): StoredToken<T> {
  return parseStored(key, text, isStoredToken<T>);
}

function isStoredToken<T>(value: unknown): value is StoredToken<T> {
  const { generation, token, session, since, renewal } = Object(value) as Partial<Record<string, unknown>>;
  const isTimed = typeof generation === 'number' && typeof since === 'number';
  return isTimed && typeof token === 'object' && typeof session === 'string' && typeof renewal === 'string';
}
