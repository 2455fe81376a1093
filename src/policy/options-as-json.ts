/** The JSON forms of options that are functions, and of what they stand for. */
import { KyoaError } from '../core/errors.ts';
import { constant, decorrelated, exponential } from '../lib/backoff.ts';
import { budget } from '../lib/budget.ts';
import { byOrigin, byRequest, byRoute } from '../lib/keys.ts';
import { aimd } from '../middleware/limit/aimd.ts';
import { adaptive } from '../middleware/timeout/adaptive.ts';
import { meanPlusDeviation, quantile, rto } from '../middleware/timeout/estimators.ts';

type Make = (...args: never[]) => unknown;

/** By the name of the function that makes the option, with the form of its arguments: a list, or the one object. */
const makers: Readonly<Record<string, readonly [make: Make, example: unknown, least?: number]>> = {
  exponential: [exponential, [200, 10_000]],
  constant: [constant, [500]],
  decorrelated: [decorrelated, [200, 10_000]],
  adaptive: [adaptive, { max: 5_000 }],
  quantile: [quantile, [0.99, { factor: 2 }], 1],
  meanPlusDeviation: [meanPlusDeviation, [2]],
  rto: [rto, []],
  aimd: [aimd, { max: 200 }],
  budget: [budget, { ratio: 0.2 }],
};

const keys: ReadonlyMap<unknown, unknown> = new Map(Object.entries({ byOrigin, byRoute, byRequest }));

/** Which forms an option takes, by its name. */
export const formsOf: Readonly<Record<string, readonly string[]>> = Object.assign(Object.create(null), {
  backoff: ['exponential', 'constant', 'decorrelated'],
  cooldown: ['exponential', 'constant', 'decorrelated'],
  total: ['adaptive'],
  headers: ['adaptive'],
  idle: ['adaptive'],
  estimate: ['quantile', 'meanPlusDeviation', 'rto'],
  concurrency: ['aimd'],
  budget: ['budget'],
});

/** The names of functions that an option `key` may have. */
export const keyNames: readonly string[] = [...keys.keys()] as string[];

/** An option as a policy takes it, from the JSON of a document. It throws what is wrong with an argument. */
export function fromJson(name: string, value: unknown): unknown {
  if (value === 'Infinity') return Infinity;
  if (name === 'key') return keyOf(value);
  const forms = formsOf[name];
  if (!isJsonObject(value)) return Array.isArray(value) ? value.map((member) => fromJson('', member)) : value;
  const [[form, args] = [], ...others] = Object.entries(value);
  if (form !== undefined && others.length === 0 && forms?.includes(form)) return made(form, args);
  // The options of a budget stand for budget() itself.
  if (name === 'budget') return budget(value);
  return membersFromJson(value);
}

function made(form: string, args: unknown): unknown {
  const [make, example, least] = makers[form]!;
  const isRight = Array.isArray(example)
    ? Array.isArray(args) && args.length <= example.length && args.length >= (least ?? example.length)
    : isJsonObject(args);
  if (!isRight) throw new KyoaError('INVALID_OPTION', `write ${JSON.stringify({ [form]: example })}`);
  const list = Array.isArray(args) ? args : [args];
  return make(...(list.map((arg) => fromJson('', arg)) as never[]));
}

function membersFromJson(value: unknown): unknown {
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, fromJson(name, member)]));
}

/** A name of `keys`, or `{ "fixed": "search" }`: the same key for every call. */
function keyOf(value: unknown): unknown {
  if (keys.has(value)) return keys.get(value);
  const { fixed } = Object(value) as { fixed?: unknown };
  return typeof fixed === 'string' ? Object.assign(() => fixed, { toJSON: () => ({ fixed }) }) : value;
}

/** What to write in place of a function. */
export function formHint(name: string): string | undefined {
  if (name === 'key') return `${keyNames.map((key) => `"${key}"`).join(', ')} or { "fixed": "a key" }`;
  const examples: Readonly<Record<string, string>> = {
    exponential: '{ "exponential": [200, 10000] }',
    quantile: '{ "quantile": [0.99, { "factor": 2 }] }',
    adaptive: 'a number of ms, false or { "adaptive": { "max": 5000 } }',
    aimd: 'a whole number or { "aimd": { "max": 200 } }',
    budget: '{ "ratio": 0.2 }, the options of a budget',
  };
  const example = examples[formsOf[name]?.[0] ?? ''];
  return name === 'cooldown' ? `a number of ms or ${example}` : example;
}

/** The name of a key function of kyoa, for `toPolicy`. */
export function keyNameOf(value: unknown): string | undefined {
  return keyNames.find((name) => keys.get(name) === value);
}

export function isJsonObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
