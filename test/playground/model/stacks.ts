/** Every stack of the page, and every option of every policy. */
import { catalogue } from '../../../playground/model/catalogue.ts';
import { usualStack } from '../../../playground/model/configuration.ts';
import { scenarios } from '../../../playground/model/scenarios.ts';
import type { OptionDescriptor, OptionValue, Stack } from '../../../playground/model/types.ts';

/** Every option of every policy set to something else than its default, one at a time and all at once. */
export const stacks: readonly (readonly [string, Stack])[] = [
  ['the usual stack', usualStack],
  ...scenarios.flatMap(({ id, steps }) =>
    steps.map(({ title, configuration }) => [`${id}: ${title}`, configuration.stack] as const),
  ),
  ...catalogue.flatMap((policy) =>
    policy.options.map((option) => {
      const values = { ...policy.initial, [option.name]: other(option) };
      const options = { ...values, ...(option.only && { [option.only.option]: option.only.is[0]! }) };
      return [`${policy.name} ${option.name}`, [{ id: 'one', policy: policy.name, on: true, options }]] as const;
    }),
  ),
];

function other({ kind, choices, default: usual, min = 0, max = 1 }: OptionDescriptor): OptionValue {
  switch (kind) {
    case 'number':
      return usual === max ? min : max;
    case 'switch':
      return usual !== true;
    case 'choice':
      return choices!.at(-1)!;
    case 'numbers':
      return [503];
    case 'words':
      return ['POST'];
    default:
      return 'it\'s \\ "gone" (for now)';
  }
}
