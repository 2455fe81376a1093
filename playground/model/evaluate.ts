/** Runs an expression with what kyoa exports. */
import * as kyoa from 'kyoa';
import { indexeddb } from 'kyoa/indexeddb';
import { isList } from './expression.ts';
import type { Expression } from './expression.ts';

export type Library = Readonly<Record<string, unknown>>;

const library: Library = { ...kyoa, indexeddb };

/** Stands in for a function of the library, as for one that is listened to. */
export type Stand = Readonly<Record<string, (made: unknown) => unknown>>;

/** `stands` get what the functions of their names have made, and may hand on something else. Throws what they throw. */
export function evaluate(expression: Expression, stands: Stand = {}, from: Library = library): unknown {
  if (typeof expression !== 'object') return expression;
  if (isList(expression)) return expression.map((each) => evaluate(each, stands, from));
  switch (expression.kind) {
    case 'members': {
      const given = Object.entries(expression.of).filter(([, value]) => value !== undefined);
      return Object.fromEntries(given.map(([name, value]) => [name, evaluate(value!, stands, from)]));
    }
    case 'call': {
      const make = from[expression.callee] as (...args: readonly unknown[]) => unknown;
      const made = make(...expression.args.map((each) => evaluate(each, stands, from)));
      return stands[expression.callee]?.(made) ?? made;
    }
    case 'name':
      return from[expression.name];
    default: {
      const value = evaluate(expression.value, stands, from);
      return () => value;
    }
  }
}
