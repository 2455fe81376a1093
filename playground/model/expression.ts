/**
 * What a policy is made of, as data: evaluated it runs, printed it is the code of the page. One description for both,
 * so that the code means what runs.
 */

export type Expression = string | number | boolean | List | Members | Call | Name | Thunk;
export type List = readonly Expression[];

/** An object literal; what is undefined is left out. */
export interface Members {
  readonly kind: 'members';
  readonly of: Readonly<Record<string, Expression | undefined>>;
}
/** `callee(...args)`, of what kyoa exports; options that came out empty are left out. */
export interface Call {
  readonly kind: 'call';
  readonly callee: string;
  readonly args: readonly Expression[];
}
/** Something that kyoa exports, by its name. */
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

/** Undefined where nothing is given, for an option that is a group of others. */
export function group(of: Members['of']): Members | undefined {
  return Object.values(of).some((value) => value !== undefined) ? members(of) : undefined;
}

export function isList(expression: Expression): expression is List {
  return Array.isArray(expression);
}

function isMembers(expression: Expression | undefined): expression is Members {
  return typeof expression === 'object' && 'kind' in expression && expression.kind === 'members';
}

/** Every name of kyoa's that an expression uses. */
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
