/** Evaluates an expression with kyoa's exports. */
import * as kyoa from 'kyoa';
import { indexeddb } from 'kyoa/indexeddb';
import { isList } from './expression.ts';
import type { Expression } from './expression.ts';

export type Library = Readonly<Record<string, unknown>>;

const library: Library = { ...kyoa, indexeddb };

/** By the name of a function of the library: receives the result of the function, and returns a replacement for it. */
export type Wrappers = Readonly<Record<string, (made: unknown) => unknown>>;

/** Rethrows the errors of the library's functions. */
export function evaluate(expression: Expression, wrappers: Wrappers = {}, from: Library = library): unknown {
  if (typeof expression !== 'object') return expression;
  if (isList(expression)) return expression.map((each) => evaluate(each, wrappers, from));
  switch (expression.kind) {
    case 'members': {
      const given = Object.entries(expression.of).filter(([, value]) => value !== undefined);
      return Object.fromEntries(given.map(([name, value]) => [name, evaluate(value!, wrappers, from)]));
    }
    case 'call': {
      const make = from[expression.callee] as (...args: readonly unknown[]) => unknown;
      const made = make(...expression.args.map((each) => evaluate(each, wrappers, from)));
      return wrappers[expression.callee]?.(made) ?? made;
    }
    case 'name':
      return from[expression.name];
    default: {
      const value = evaluate(expression.value, wrappers, from);
      return () => value;
    }
  }
}
