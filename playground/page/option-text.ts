/** Converts option values to the text of an input field, and back. */
import type { OptionDescriptor, OptionValue } from '../model/types.ts';

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

function numeric(text: string): number | string {
  const value = Number(text.replaceAll('_', ''));
  return Number.isNaN(value) ? text : value;
}
