/** What the page knows of a policy, and how its options become the policy itself. */
import { call, group, members } from '../expression.ts';
import type { Call, Expression, Members } from '../expression.ts';
import type { OptionDescriptor, OptionValue, OptionValues, PolicyDescriptor } from '../types.ts';

export interface Policy extends PolicyDescriptor {
  /** `origin`: where the calls go, for the policies that lead them elsewhere. */
  readonly express: (given: Given, origin: string) => Call;
}

/** The options of an entry, without those that have no meaning beside the others. */
export interface Given {
  number(name: string): number | undefined;
  value(name: string): Expression | undefined;
  /** With kyoa's default where there is none. */
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

export function number(
  name: string,
  label: string,
  unit: OptionDescriptor['unit'],
  range: readonly [min: number, max: number, step?: number],
  fallback: number | undefined,
  help: string,
  only?: OptionDescriptor['only'],
): OptionDescriptor {
  const [min, max, step = 1] = range;
  return { name, label, kind: 'number', unit, min, max, step, default: fallback, help, ...(only && { only }) };
}

export function toggle(name: string, label: string, fallback: boolean, help: string): OptionDescriptor {
  return { name, label, kind: 'switch', unit: 'none', default: fallback, help };
}

export function choice(
  name: string,
  label: string,
  choices: readonly string[],
  help: string,
  only?: OptionDescriptor['only'],
): OptionDescriptor {
  return { name, label, kind: 'choice', unit: 'none', choices, default: choices[0], help, ...(only && { only }) };
}

export function list(
  name: string,
  label: string,
  kind: 'numbers' | 'words',
  fallback: OptionValue,
  help: string,
): OptionDescriptor {
  return { name, label, kind, unit: 'none', default: fallback, help };
}

/** The budget of `retry` and `hedge`: off, or with a ratio and a floor of its own. */
export function budgetOptions(ratio: number | undefined, floor: number): readonly OptionDescriptor[] {
  const only = { option: 'budget', is: [true] };
  const share = 'Extra requests per call.';
  return [
    toggle('budget', 'Budget', true, 'Bounds what all of them together may send; without it a storm can grow.'),
    number('budget.ratio', 'Budget ratio', 'share', [0, 1, 0.01], ratio, share, only),
    number('budget.floor', 'Budget floor', 'per second', [0, 100], floor, 'So many a second are free of it.', only),
  ];
}

export function budgetOf(given: Given): Expression | undefined {
  if (given.choice('budget') === false) return false;
  const options = group({ ratio: given.number('budget.ratio'), floor: given.number('budget.floor') });
  return options && call('budget', options);
}

/** Options that are kyoa's own, name for name. */
export function plain(given: Given, ...names: readonly string[]): Members['of'] {
  return Object.fromEntries(names.map((name) => [name, given.value(name)]));
}

export { call, group, members };
