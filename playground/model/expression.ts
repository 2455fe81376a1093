/**
 * Expressions as data. The page evaluates the expression of a policy to run it, and prints the same expression as code,
 * so that the code shown is the code that runs.
 */

export type Expression = string | number | boolean | List | Members | Call | Name | Thunk;
export type List = readonly Expression[];

/** An object literal. Members that are `undefined` are omitted. */
export interface Members {
  readonly kind: 'members';
  readonly of: Readonly<Record<string, Expression | undefined>>;
}
/** `callee(...args)`, where kyoa exports `callee`. Empty options are omitted. */
export interface Call {
  readonly kind: 'call';
  readonly callee: string;
  readonly args: readonly Expression[];
}
/** The name of one of kyoa's exports. */
export interface Name {
  readonly kind: 'name';
  readonly name: string;
}
/** `() => value` */
export interface Thunk {
  readonly kind: 'thunk';
  readonly value: Expression;
}

export function members(of: Members['of']): Members {
  return { kind: 'members', of };
}

export function call(callee: string, ...args: readonly Expression[]): Call {
  const last = args.at(-1);
  const empty = isMembers(last) && Object.values(last.of).every((value) => value === undefined);
  return { kind: 'call', callee, args: empty ? args.slice(0, -1) : args };
}

export function name(name: string): Name {
  return { kind: 'name', name };
}

export function thunk(value: Expression): Thunk {
  return { kind: 'thunk', value };
}

/** An option that is a group of options; `undefined` if none of them is given. */
export function group(of: Members['of']): Members | undefined {
  return Object.values(of).some((value) => value !== undefined) ? members(of) : undefined;
}

export function isList(expression: Expression): expression is List {
  return Array.isArray(expression);
}

function isMembers(expression: Expression | undefined): expression is Members {
  return typeof expression === 'object' && 'kind' in expression && expression.kind === 'members';
}

/** All names of kyoa's exports that an expression uses. */
export function namesIn(expression: Expression): readonly string[] {
  if (typeof expression !== 'object') return [];
  if (isList(expression)) return expression.flatMap(namesIn);
  switch (expression.kind) {
    case 'members':
      return Object.values(expression.of).flatMap((value) => (value === undefined ? [] : namesIn(value)));
    case 'call':
      return [expression.callee, ...expression.args.flatMap(namesIn)];
    case 'name':
      return [expression.name];
    default:
      return namesIn(expression.value);
  }
}
