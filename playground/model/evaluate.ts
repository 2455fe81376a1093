/** Runs an expression with what kyoa exports. */
import * as kyoa from 'kyoa';
import { indexeddb } from 'kyoa/indexeddb';
import { isList } from './expression.ts';
import type { Expression } from './expression.ts';

const library: Readonly<Record<string, unknown>> = { ...kyoa, indexeddb };

/** Stands in for a function of the library, as for one that is listened to. */
export type Stand = Readonly<Record<string, (made: unknown) => unknown>>;

/** `stands` get what the functions of their names have made, and may hand on something else. Throws what they throw. */
export function evaluate(expression: Expression, stands: Stand = {}): unknown {
  if (typeof expression !== 'object') return expression;
  if (isList(expression)) return expression.map((each) => evaluate(each, stands));
  switch (expression.kind) {
    case 'members': {
      const given = Object.entries(expression.of).filter(([, value]) => value !== undefined);
      return Object.fromEntries(given.map(([name, value]) => [name, evaluate(value!, stands)]));
    }
    case 'call': {
      const make = library[expression.callee] as (...args: readonly unknown[]) => unknown;
      const made = make(...expression.args.map((each) => evaluate(each, stands)));
      return stands[expression.callee]?.(made) ?? made;
    }
    case 'name':
      return library[expression.name];
    case 'thunk': {
      const value = evaluate(expression.value, stands);
      return () => value;
    }
  }
}
