/** What a program gives to `auth`: tokens, the headers that carry them, and the origins that may receive them. No error contains a token. */
import { KyoaError } from '../../core/errors.ts';
import { invalid } from '../../core/options.ts';

/**
 * A token as OAuth 2 has it (RFC 6749 §5.1). `renew` may return further members, which are stored with it.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/auth.md#tokens
 */
export interface Token {
  readonly access: string;
  readonly refresh?: string | undefined;
  /** When it expires, Unix ms. Without it, the token is renewed after a 401 only. */
  readonly expires?: number | undefined;
}

/** A token as it will be read from the storage, as JSON. */
export function checkedToken<T>(name: string, given: T, isBearer: boolean): T {
  const { access } = Object(given) as Partial<Token>;
  if (typeof given !== 'object' || given === null || (isBearer && typeof access !== 'string'))
    throw new KyoaError('INVALID_OPTION', `${name} must be an object${isBearer ? ' with access, a string' : ''}`);
  try {
    return JSON.parse(JSON.stringify(given)) as T;
  } catch {
    throw new KyoaError('INVALID_OPTION', `${name} must be an object that JSON can hold`);
  }
}

/** A new token that is said to have expired is used until it is refused: otherwise each call would renew it. */
export function withLife<T extends object>(token: T): T {
  const { expires = Infinity } = token as { readonly expires?: number };
  return expires > Date.now() ? token : { ...token, expires: undefined };
}

/** RFC 6750 §2.1. */
export function bearer(token: Token): Readonly<Record<string, string>> {
  return headerRecord('the result of auth apply', { authorization: `Bearer ${token.access}` });
}

/** RFC 9110 §5.5. Fetch removes white space around it. */
const headerValue = /^\s*[\t\x20-\x7e\x80-\xff]*\s*$/;

export function headerRecord(name: string, value: unknown): Readonly<Record<string, string>> {
  const values =
    typeof value === 'object' && value !== null && !(Symbol.iterator in value) ? Object.values(value) : [0];
  if (!values.every((one) => typeof one === 'string'))
    throw new KyoaError('INVALID_OPTION', `${name} must be an object of headers, such as { authorization: '...' }`);
  // The error of the platform would contain the token.
  if (!values.every((one) => headerValue.test(one)))
    throw new KyoaError('INVALID_OPTION', `${name} has a header with a line break or a character beyond Latin-1`);
  return value as Readonly<Record<string, string>>;
}

/** The check of `scope`. A URL with a path, as that of an endpoint, is a likely mistake. */
export function origins(name: string, value: readonly string[]): readonly string[] {
  const isOrigin = (one: unknown): boolean =>
    typeof one === 'string' && URL.canParse(one) && new URL(one).origin === one;
  if (Array.isArray(value) && value.every(isOrigin)) return value;
  throw invalid(name, value, "a list of origins without a path, such as ['https://api.example.com']");
}
