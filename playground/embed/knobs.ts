/** Makes the sliders of an exhibit from the descriptions of the settings and of the options. */
import { policyOf } from '../model/catalogue.ts';
import type { PolicyName } from '../model/types.ts';
import { settingFields } from '../network/fields.ts';
import type { Knob } from './exhibit.ts';

type Range = readonly [min: number, max: number, step?: number];
type Changes = Partial<Pick<Knob, 'label' | 'help' | 'scale'>>;

/** A slider of a setting of the network. */
export function setting(path: string, initial: number, [min, max, step]: Range, changes: Changes = {}): Knob {
  const field = settingFields.find((each) => each.path === path);
  if (field === undefined) throw new Error(`There is no setting ${path}`);
  const { label, help, unit } = field;
  return {
    label,
    help,
    unit,
    min,
    max,
    step: step ?? field.step,
    scale: 'linear',
    initial,
    target: { setting: path },
    ...changes,
  };
}

/** A slider of an option of a policy. */
export function option(
  policy: PolicyName,
  name: string,
  initial: number,
  [min, max, step]: Range,
  changes: Changes = {},
): Knob {
  const found = policyOf(policy).options.find((each) => each.name === name);
  if (found === undefined) throw new Error(`${policy} has no option ${name}`);
  const { label, help, unit } = found;
  return {
    label,
    help,
    unit,
    min,
    max,
    step: step ?? found.step ?? 1,
    scale: 'linear',
    initial,
    target: { layer: policy, option: name },
    ...changes,
  };
}

/** A slider of a value of the exhibit's own. */
export function value(
  name: string,
  label: string,
  unit: Knob['unit'],
  initial: number,
  [min, max, step = 1]: Range,
  help: string,
): Knob {
  return {
    label,
    help,
    unit,
    min,
    max,
    step,
    scale: max / Math.max(1, min) > 200 ? 'log' : 'linear',
    initial,
    target: { value: name },
  };
}
