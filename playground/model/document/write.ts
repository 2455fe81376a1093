/** Writes the enabled layers of a stack as a policy document, with only the options that differ from kyoa's defaults. */
import type { PolicyDocument, PolicyEntry as Entry } from 'kyoa/policy';
import { express } from '../catalogue.ts';
import { isList } from '../expression.ts';
import type { Call, Expression } from '../expression.ts';
import type { PolicyEntry, Stack } from '../types.ts';
import { printJson } from './print-json.ts';

/** What a function takes before its options, by the name that a document has for it. */
const subjects: Readonly<Record<string, string>> = { endpoints: 'list', race: 'urls', fallback: 'respond' };

/** Functions whose only argument is an object of options. */
const takesOptions: readonly string[] = ['adaptive', 'aimd'];

/** `page` is the URL of the page, without a slash at its end. Its host responds to the calls. `width` is in characters. */
export function writeDocument(stack: Stack, page: string, width?: number): string {
  return printJson(documentOf(stack, page), width);
}

export function documentOf(stack: Stack, page: string): PolicyDocument {
  return { use: stack.filter(({ on }) => on).map((entry) => entryOf(entry, page)) };
}

/** A storage is no part of a document: the program gives it. */
export function entryOf(entry: Pick<PolicyEntry, 'policy' | 'options'>, page: string): Entry {
  const { callee, args } = express(entry, page);
  const subject = subjects[callee];
  const [first, second] = args.map(json);
  const given = subject === undefined ? { ...Object(first) } : { [subject]: first, ...Object(second) };
  return Object.keys(given).length === 0 ? callee : { [callee]: given };
}

function json(expression: Expression): unknown {
  if (typeof expression !== 'object') return expression;
  if (isList(expression)) return expression.map(json);
  switch (expression.kind) {
    case 'members': {
      const given = Object.entries(expression.of).map(([name, value]) => [name, value && json(value)] as const);
      return Object.fromEntries(given.filter(([, value]) => value !== undefined));
    }
    case 'name':
      return expression.name;
    case 'thunk':
      return json(expression.value);
    default:
      return madeBy(expression);
  }
}

/** Where an option is made by a function, a document has the call that makes it. */
function madeBy({ callee, args }: Call): unknown {
  const given = args.map(json);
  if (callee === 'indexeddb') return undefined;
  if (callee === 'budget') return given[0] ?? {};
  return { [callee]: takesOptions.includes(callee) ? (given[0] ?? {}) : given };
}
