/** The policies of the page: their descriptors, and how option values become the expression of a policy. */
import type { Middleware } from 'kyoa';
import { schemas, type OptionSchema, type PolicySchema } from 'kyoa/policy';

import { call, group, members } from '../expression.ts';
import type { Call, Expression, Members } from '../expression.ts';
import type { OptionDescriptor, OptionValue, OptionValues, PolicyDescriptor } from '../types.ts';

export interface Policy extends PolicyDescriptor {
  /** `origin` is the origin of the calls, for the policies that change the URL. */
  readonly express: (given: Given, origin: string) => Call;
  /** What a policy in use takes over, so that it keeps its state. Any other change makes the policy anew. */
  readonly takesOver?: {
    readonly option: (name: string) => boolean;
    /** `args` are those of the new expression. */
    readonly from: (policy: Middleware, args: readonly unknown[]) => void;
  };
}

/** Reads the options of a layer. An option that does not apply beside the others is `undefined`. */
export interface Given {
  number(name: string): number | undefined;
  value(name: string): Expression | undefined;
  /** The value, or the default of the descriptor if there is none. */
  choice(name: string): OptionValue | undefined;
}

export function read(descriptors: readonly OptionDescriptor[], values: OptionValues): Given {
  const choice = (name: string): OptionValue | undefined =>
    values[name] ?? descriptors.find((each) => each.name === name)?.default;
  const applies = (name: string): boolean => {
    const only = descriptors.find((each) => each.name === name)?.only;
    return only === undefined || (applies(only.option) && only.is.includes(choice(only.option)!));
  };
  const value = (name: string): Expression | undefined => (applies(name) ? values[name] : undefined);
  return { choice, value, number: (name) => value(name) as number | undefined };
}

/** A descriptor without a default takes kyoa's default. A default in the descriptor applies only in the editor. */
type Described = Omit<OptionDescriptor, 'default'> & Partial<Pick<OptionDescriptor, 'default'>>;
type Extras = Partial<Pick<OptionDescriptor, 'default' | 'choices' | 'only'>>;

/** Adds the defaults and choices that kyoa declares. `budget.ratio` is the option `ratio` within the option `budget`. */
export function declared(
  options: Readonly<Record<string, Partial<OptionSchema>>>,
  descriptors: readonly Described[],
): readonly OptionDescriptor[] {
  return descriptors.map((descriptor) => {
    const path = descriptor.name.split('.');
    const schema = path.reduce<Partial<OptionSchema> | undefined>((found, name) => found?.options?.[name], {
      options: options as PolicySchema['options'],
    });
    if (schema === undefined && !('default' in descriptor)) throw new Error(`kyoa has no option ${descriptor.name}`);
    const value = schema?.default as OptionValue | undefined;
    return {
      // A switch is off only if kyoa's default is `false`. Otherwise the default is an object, or one that kyoa creates.
      default: descriptor.kind === 'switch' ? value !== false : value,
      ...(schema?.choices && { choices: schema.choices }),
      ...descriptor,
    };
  });
}

export function number(
  name: string,
  label: string,
  unit: OptionDescriptor['unit'],
  range: readonly [min: number, max: number, step?: number],
  help: string,
  extras?: Extras,
): Described {
  const [min, max, step = 1] = range;
  return { name, label, kind: 'number', unit, min, max, step, help, ...extras };
}

export function toggle(name: string, label: string, help: string): Described {
  return { name, label, kind: 'switch', unit: 'none', help };
}

/** The first of `choices` is the default. Without `choices`, kyoa declares them. */
export function choice(name: string, label: string, help: string, choices?: readonly string[]): Described {
  const own = choices && { choices, default: choices[0] };
  return { name, label, kind: 'choice', unit: 'none', help, ...own };
}

export function list(name: string, label: string, kind: 'numbers' | 'words', help: string): Described {
  return { name, label, kind, unit: 'none', help };
}

/** The options for the budget of `retry` and `hedge`. */
export function budgetOptions(ratio?: Extras, floor?: Extras): readonly Described[] {
  const only = { option: 'budget', is: [true] };
  return [
    toggle('budget', 'Budget', 'Limits the extra requests of all calls together.'),
    number('budget.ratio', 'Budget ratio', 'share', [0, 1, 0.01], 'Extra requests per call.', { only, ...ratio }),
    number('budget.floor', 'Budget floor', 'per second', [0, 100], 'Extra requests that are always allowed.', {
      only,
      ...floor,
    }),
  ];
}

export function budgetOf(given: Given): Expression | undefined {
  if (given.choice('budget') === false) return false;
  const options = group({ ratio: given.number('budget.ratio'), floor: given.number('budget.floor') });
  return options && call('budget', options);
}

/** Options that have the same name in kyoa. */
export function plain(given: Given, ...names: readonly string[]): Members['of'] {
  return Object.fromEntries(names.map((name) => [name, given.value(name)]));
}

export { call, group, members, schemas };
