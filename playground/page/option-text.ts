/** Converts option values to the text of an input field, and back. */
import type { OptionDescriptor, OptionValue, OptionValues, PolicyDescriptor } from '../model/types.ts';
import { measure } from './format.ts';

export function showOption(value: OptionValue): string {
  return Array.isArray(value) ? value.join(', ') : String(value);
}

/** An empty field gives `undefined`. Text that is not a number stays text, so that kyoa's own error message is shown. */
export function parseOption(text: string, { kind }: OptionDescriptor): OptionValue | undefined {
  const trimmed = text.trim();
  if (trimmed === '') return undefined;
  const parts = trimmed.split(/[\s,]+/);
  switch (kind) {
    case 'number':
      return numeric(trimmed);
    case 'numbers':
      return parts.map(Number);
    case 'words':
      return parts;
    default:
      return trimmed;
  }
}

/** Whether the option does something beside the values of the others. */
export function applies({ only }: OptionDescriptor, all: readonly OptionDescriptor[], values: OptionValues): boolean {
  if (only === undefined) return true;
  const ruling = values[only.option] ?? all.find(({ name }) => name === only.option)?.default;
  return ruling !== undefined && only.is.includes(ruling);
}

/** The options that have a value, such as `Retries 3, Budget off`. Empty if all have their defaults. */
export function summarize({ options }: PolicyDescriptor, values: OptionValues): string {
  return options
    .flatMap((option) => {
      const value = values[option.name];
      return value === undefined || !applies(option, options, values)
        ? []
        : [`${option.label} ${brief(value, option)}`];
    })
    .join(', ');
}

function brief(value: OptionValue, { unit }: OptionDescriptor): string {
  if (typeof value === 'boolean') return value ? 'on' : 'off';
  return typeof value === 'number' ? measure(value, unit) : showOption(value);
}

function numeric(text: string): number | string {
  const value = Number(text.replaceAll('_', ''));
  return Number.isNaN(value) ? text : value;
}
