/** Values of the program as JSON: documents that it gives as objects, and the options of its policies. */
import { isJsonObject, keyNameOf } from './options-as-json.ts';
import { deepest, memberPath } from './policy-error.ts';

/**
 * The value as JSON has it. Options that a function of kyoa made are written as that call. What JSON cannot hold is passed to
 * `refuse`: `JSON.stringify` would leave it out without a word.
 */
export function plainJson(
  value: unknown,
  refuse: (path: string, message: string) => void = () => {},
  path = '',
  depth = 0,
): unknown {
  const wrong = (message: string): undefined => refuse(path, message) as undefined;
  if (value === Infinity) return 'Infinity';
  if (value === null || typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value)) return value;
  if (value === undefined) return undefined;
  if (typeof value === 'number') return wrong(`must be a number, got ${value}`);
  if (depth > deepest) return wrong(`is nested more than ${deepest} levels deep, or contains itself`);
  if (Array.isArray(value))
    return value.map((member, index) => plainJson(member, refuse, memberPath(path, index), depth + 1));
  const keyName = keyNameOf(value);
  if (keyName !== undefined) return keyName;
  const { toJSON } = value as { toJSON?: unknown };
  if (typeof toJSON === 'function') return plainJson(toJSON.call(value), refuse, path, depth + 1);
  if (typeof value === 'function') return wrong('is a function of the program, which no document can hold');
  const parent: unknown = isJsonObject(value) ? Object.getPrototypeOf(value) : undefined;
  if (!isJsonObject(value) || (parent !== null && parent !== Object.prototype))
    return wrong(`is ${kindOf(value)}, which no document can hold`);
  const members = Object.entries(value).flatMap(([name, member]) => {
    const at = memberPath(path, name);
    if (name === '__proto__') refuse(at, 'is no name that a member may have');
    const plain = plainJson(member, refuse, at, depth + 1);
    return plain === undefined ? [] : [[name, plain] as const];
  });
  return Object.fromEntries(members);
}

function kindOf(value: unknown): string {
  const { name } = (Object(value) as { constructor?: { name?: string } }).constructor ?? {};
  return `a ${typeof value === 'object' ? (name ?? 'object') : typeof value}`;
}
