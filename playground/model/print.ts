/** Prints an expression as TypeScript, on one line if it fits. */
import { isList } from './expression.ts';
import type { Expression } from './expression.ts';

const WIDTH = 80;

/** `indent` is the indentation of the first line. `scope` is a prefix for every name of the library. */
export function print(expression: Expression, indent = 0, scope = ''): string {
  if (typeof expression === 'string') return quote(expression);
  if (typeof expression === 'number') return grouped(expression);
  if (typeof expression === 'boolean') return String(expression);
  if (isList(expression))
    return enclose(
      '[',
      expression.map((each) => (at: number) => print(each, at, scope)),
      ']',
      indent,
    );
  switch (expression.kind) {
    case 'members': {
      const given = Object.entries(expression.of).filter(([, value]) => value !== undefined);
      const parts = given.map(
        ([name, value]) =>
          (at: number) =>
            `${name}: ${print(value!, at, scope)}`,
      );
      return enclose('{ ', parts, ' }', indent);
    }
    case 'call': {
      const callee = scope + expression.callee;
      return `${callee}(${expression.args.map((each) => print(each, indent, scope)).join(', ')})`;
    }
    case 'name':
      return scope + expression.name;
    default:
      return `() => (${print(expression.value, indent, scope)})`;
  }
}

function enclose(open: string, parts: readonly ((at: number) => string)[], close: string, indent: number): string {
  const flat = open + parts.map((part) => part(indent)).join(', ') + close;
  if (!flat.includes('\n') && indent + flat.length <= WIDTH) return flat;
  const margin = ' '.repeat(indent + 2);
  const lines = parts.map((part) => `${margin}${part(indent + 2)},`);
  return `${open.trim()}\n${lines.join('\n')}\n${' '.repeat(indent)}${close.trim()}`;
}

function quote(text: string): string {
  return `'${JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")}'`;
}

/** 30_000 */
function grouped(value: number): string {
  return Number.isInteger(value) ? String(value).replaceAll(/\B(?=(\d{3})+$)/g, '_') : String(value);
}
