/** The JSON Schema of policy documents, by which editors complete and check them. */
import { catalogue } from './catalogue.ts';
import { memberKind } from './option-problems.ts';
import { formsOf, keyNames } from './options-as-json.ts';
import { schemas, type OptionSchema, type PolicySchema } from './schemas.ts';

type Schema = Readonly<Record<string, unknown>>;

const site = 'https://github.com/kyoa/kyoa/blob/main/docs';
const infinity: Schema = { const: 'Infinity' };
const off: Schema = { const: false };

const kinds: Readonly<Record<string, Schema>> = {
  duration: { anyOf: [{ type: 'number', exclusiveMinimum: 0 }, infinity], description: 'ms' },
  delay: { anyOf: [{ type: 'number', minimum: 0 }, infinity], description: 'ms' },
  count: { anyOf: [{ type: 'integer', minimum: 0 }, infinity] },
  ratio: { type: 'number', minimum: 0, maximum: 1 },
  boolean: { type: 'boolean' },
  text: { type: 'string' },
};

/** The arguments of the calls that make a function. */
const forms: Readonly<Record<string, Schema>> = {
  exponential: numbers(2, 'The first delay and the longest one, ms'),
  decorrelated: numbers(2, 'The first delay and the longest one, ms'),
  constant: numbers(1, 'The delay, ms'),
  meanPlusDeviation: numbers(1, 'How many standard deviations above the mean'),
  quantile: {
    type: 'array',
    minItems: 1,
    maxItems: 2,
    prefixItems: [kinds['ratio'], { type: 'object', properties: { factor: { type: 'number', exclusiveMinimum: 0 } } }],
  },
  rto: { type: 'array', maxItems: 0 },
};

/** The schema of a document, in the draft 2020-12. The package has it as `dist/policy.schema.json`. */
export function jsonSchema(): Schema {
  const names = Object.keys(catalogue);
  const policies = Object.fromEntries(names.map((name) => [name, policySchema(name)]));
  const routes = Object.fromEntries(names.map((name) => [name, policySchema(name, 'route')]));
  const standard = ['timeout', 'dedupe', 'idempotency', 'retry', 'breaker'];
  const layer: Schema = {
    options: {
      description: `Options of policies by name, over those of the stack: ${site}/policy-documents.md#the-stack`,
      type: 'object',
      properties: refs(names, ''),
    },
    use: {
      description: `The policies, outermost first: ${site}/policy-documents.md`,
      type: 'array',
      default: ['standard'],
      items: {
        anyOf: [
          { enum: ['standard', ...names.filter((name) => requirementOf(name) === undefined)] },
          { type: 'string', not: { enum: names } },
          {
            type: 'object',
            minProperties: 1,
            maxProperties: 1,
            properties: {
              standard: object(
                Object.fromEntries(standard.map((name) => [name, { anyOf: [off, { $ref: `#/$defs/${name}` }] }])),
              ),
              ...refs(names, ''),
            },
          },
        ],
      },
    },
    routes: {
      description: `Options by route, "GET https://api.example.com/users/*": ${site}/policy-documents.md#routes`,
      type: 'object',
      additionalProperties: { type: 'object', properties: refs(names, 'route.') },
    },
    secrets: {
      description: 'Where each secret is',
      type: 'object',
      additionalProperties: { ...object({ env: { type: 'string' } }), required: ['env'] },
    },
  };
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'A policy document of kyoa',
    ...object({
      $schema: { type: 'string' },
      version: { type: ['number', 'string'] },
      ...layer,
      environments: { type: 'object', additionalProperties: object(layer) },
    }),
    $defs: {
      ...policies,
      ...Object.fromEntries(Object.entries(routes).map(([name, schema]) => [`route.${name}`, schema])),
    },
  };
}

function refs(names: readonly string[], prefix: string): Schema {
  return Object.fromEntries(names.map((name) => [name, { $ref: `#/$defs/${prefix}${name}` }]));
}

function object(properties: Schema): Schema {
  return { type: 'object', properties, additionalProperties: false };
}

/** Of these options a policy needs one. */
const alternatives: Readonly<Record<string, readonly string[]>> = {
  limit: ['concurrency', 'rate'],
  chaos: ['latency', 'status', 'error', 'cut'],
};

function requirementOf(policy: string): Schema | undefined {
  const { options } = describe(policy);
  const { subject } = catalogue[policy]!;
  const required = requiredIn(options);
  const all = subject === undefined ? required : [subject, ...required];
  if (all.length > 0) return { required: all };
  const some = alternatives[policy]?.map((name) => ({ required: [name] }));
  return some && { anyOf: some };
}

function requiredIn(options: PolicySchema['options']): string[] {
  return Object.keys(options).filter((name) => options[name]!.required);
}

function describe(policy: string): PolicySchema {
  return (schemas as Readonly<Record<string, PolicySchema>>)[policy] ?? { options: {} };
}

/** The options of a policy; of a route, those that a call may have. */
function policySchema(policy: string, place?: 'route'): Schema {
  const { options, scalar } = describe(policy);
  const { subject } = catalogue[policy]!;
  const allowed = Object.entries(options).filter(([, { perCall }]) => place === undefined || perCall);
  const inPlace = place === undefined && subject !== undefined ? { [subject]: subjects[subject] } : {};
  const whole = {
    ...object({ ...inPlace, ...optionSchemas(Object.fromEntries(allowed)) }),
    ...(place === undefined && requirementOf(policy)),
  };
  const number = scalar === undefined ? [] : [optionSchema(scalar, options[scalar]!)];
  return {
    description: `${site}/policies/${pageOf(policy)}.md`,
    anyOf: [whole, ...number, { enum: [true, false, null] }],
  };
}

const subjects: Schema = {
  respond: {},
  urls: { type: 'array', items: { type: 'string' }, minItems: 1 },
  list: {
    type: 'array',
    minItems: 1,
    items: {
      ...object({
        url: { type: ['string', 'object'] },
        weight: { type: 'number', minimum: 0 },
        zone: { type: 'string' },
      }),
      required: ['url'],
    },
  },
};

/** Options that no function of `core/options` checks. */
const particular: Readonly<Record<string, Schema>> = {
  initial: { type: 'object' },
  status: { type: 'integer', minimum: 200, maximum: 599 },
  floor: { type: 'number', minimum: 0 },
  rate: { type: 'number', minimum: 0, maximum: 1 },
};

/** `undefined`: no document can hold it. */
function optionSchema(name: string, option: OptionSchema): Schema | undefined {
  const { kind, default: preset } = option;
  const made = (formsOf[name] ?? []).map((form) => object({ [form]: forms[form] ?? argumentsOf(form) }));
  if (name === 'key')
    return { anyOf: [{ enum: keyNames }, { ...object({ fixed: { type: 'string' } }), required: ['fixed'] }] };
  const plain = plainSchema(name, option);
  const any = [...plain, ...made.map((form) => ({ ...form, minProperties: 1 }))];
  if (any.length === 0) return undefined;
  const schema = any.length === 1 ? any[0]! : { anyOf: any };
  return preset === undefined || preset === Infinity || kind === 'function' ? schema : { ...schema, default: preset };
}

/** The forms of an option beside the calls that make it. */
function plainSchema(
  name: string,
  { kind, choices, options = {}, mayBeFalse, minimum, default: preset }: OptionSchema,
): Schema[] {
  if (name === 'budget') return [off, argumentsOf('budget')];
  if (formsOf[name]?.includes('adaptive')) return [off, kinds['duration']!];
  if (kind === 'function') return [];
  if (kind === 'choice') return [{ enum: choices }];
  if (kind === 'list') return [{ type: 'array', items: { type: memberKind(preset) } }];
  if (kind === 'object') {
    const required = requiredIn(options);
    const one = { ...object(optionSchemas(options)), ...(required.length > 0 && { required }) };
    // A limit may have several rates.
    const several = name === 'rate' ? [{ type: 'array', items: one, minItems: 1 }] : [];
    return [...(mayBeFalse ? [off] : []), one, ...several];
  }
  if (minimum !== undefined) return [{ anyOf: [{ type: 'integer', minimum }, infinity] }];
  if (name === 'backoff') return [{ type: 'number', exclusiveMinimum: 0, exclusiveMaximum: 1 }];
  const schema = kind === 'other' || kind === 'number' ? particular[name] : kinds[kind];
  return schema === undefined ? [] : [schema];
}

function optionSchemas(options: PolicySchema['options']): Schema {
  return Object.fromEntries(
    Object.entries(options).flatMap(([name, option]) => {
      const schema = optionSchema(name, option);
      return schema === undefined ? [] : [[name, schema]];
    }),
  );
}

/** The arguments of a call that takes the options of `schemas`. */
function argumentsOf(form: string): Schema {
  return object(optionSchemas(describe(form).options));
}

function numbers(count: number, description: string): Schema {
  return { type: 'array', items: kinds['delay'], minItems: count, maxItems: count, description };
}

/** `staleIfError` has the page `stale-if-error`. */
function pageOf(policy: string): string {
  return policy === 'idempotency' ? '../idempotency' : policy.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
