/** What is wrong with an option of a document, and where a policy says that it is. */
import { show } from '../core/options.ts';
import { catalogue, type PolicyKind } from './catalogue.ts';
import { formHint, fromJson, isJsonObject } from './options-as-json.ts';
import type { Json } from './parsed-document.ts';
import { memberPath } from './policy-error.ts';
import { schemas, type OptionSchema, type PolicySchema } from './schemas.ts';

/** What is wrong with the form of an option. Its value is checked by the policy. */
export function optionProblem(policy: string, name: string, given: unknown): string | undefined {
  const hint = formHint(name);
  let made: unknown;
  try {
    made = fromJson(name, given);
  } catch (error) {
    return `is wrong: ${(error as Error).message}`;
  }
  const isFunction = typeof made === 'function' || (isJsonObject(made) && Object.values(made).some(isCallable));
  if (isFunction || given === false) return undefined;
  const schema = schemaOf(policy, name);
  if (schema?.kind === 'list') return listProblem(schema, given);
  if (schema?.kind === 'function' && hint === undefined)
    return 'is a function, which no document can hold: leave it out';
  if (schema?.kind === 'other' && Array.isArray(given)) return `must be no list, got ${show(given)}`;
  if (name === 'storage') return 'is an object of the program, which no document can hold: leave it out';
  // A number or a text in its place is checked by the policy itself.
  const isWrong = schema?.kind === 'function' || (hint !== undefined && isJsonObject(given));
  return isWrong ? `must be ${hint}, got ${show(given)}` : undefined;
}

/** What is missing, as a problem of the whole policy. */
export function missingOption(policy: string, { subject, options }: PolicyKind, given: Json): string | undefined {
  if (subject !== undefined && given[subject] === undefined) return `must have ${subject}`;
  const missing = Object.keys(options.shape).find((name) => schemaOf(policy, name)?.required && given[name] == null);
  if (missing === undefined) return undefined;
  const hint = formHint(missing);
  return `must have ${missing}${hint === undefined ? '' : `: ${hint}`}`;
}

/** The members of a list are like those of its default: `"503"` is no status. */
function listProblem({ default: preset }: OptionSchema, given: unknown): string | undefined {
  const kind = memberKind(preset);
  if (Array.isArray(given) && given.every((member) => typeof member === kind)) return undefined;
  const example = Array.isArray(preset) && preset.length > 0 ? `, such as ${JSON.stringify(preset.slice(0, 2))}` : '';
  return `must be a list of ${kind === 'number' ? 'numbers' : 'texts'}${example}, got ${show(given)}`;
}

/** What an option that is a list has in it: texts, unless its default has numbers. */
export function memberKind(preset: unknown): 'number' | 'string' {
  return Array.isArray(preset) && typeof preset[0] === 'number' ? 'number' : 'string';
}

function schemaOf(policy: string, name: string): OptionSchema | undefined {
  return (schemas as Readonly<Record<string, PolicySchema>>)[policy]?.options[name];
}

function isCallable(value: unknown): boolean {
  return typeof value === 'function';
}

/** The path and the rest of a message such as `retry retries must be a whole number`. */
export function located(path: string, policy: string, options: unknown, text: string): [path: string, message: string] {
  let at = path;
  let value = options;
  let rest = text.replace(/, got undefined$/, '');
  if (rest.startsWith(`${policy} `)) rest = rest.slice(policy.length + 1);
  const { subject } = catalogue[policy] ?? {};
  // `endpoints url must be ...` is said of a member of the list.
  if (subject !== undefined && isJsonObject(options) && !Object.hasOwn(options, firstWord(rest)))
    return [memberPath(path, subject), rest];
  for (;;) {
    const word = firstWord(rest);
    if (!isJsonObject(value) || !Object.hasOwn(value, word)) return [at, rest];
    at = memberPath(at, word);
    value = value[word];
    rest = rest.slice(word.length + 1);
  }
}

function firstWord(text: string): string {
  return text.split(' ', 1)[0]!;
}
