/** The options of a policy as input fields with units. An invalid value shows kyoa's own error message. */
import type { OptionDescriptor, OptionValue, OptionValues, PolicyDescriptor, Problem } from '../model/types.ts';
import { h, set, write } from './dom.ts';
import { unitLabels } from './format.ts';
import { applies, parseOption, showOption } from './option-text.ts';

export interface Options {
  readonly element: HTMLElement;
  readonly show: (values: OptionValues, problems: readonly Problem[]) => void;
}

interface Field {
  readonly element: HTMLElement;
  readonly show: (value: OptionValue | undefined, message: string) => void;
}

export function createOptions({ name, options }: PolicyDescriptor, changed: (values: OptionValues) => void): Options {
  let current: OptionValues = {};
  const fields = options.map((option) => ({ option, ...fieldFor(name, option, (value) => put(option.name, value)) }));

  function put(name: string, value: OptionValue | undefined): void {
    const { [name]: _, ...rest } = current;
    changed(value === undefined ? rest : { ...rest, [name]: value });
  }

  return {
    element: h('div', { class: 'fields' }, ...fields.map(({ element }) => element)),
    show(values, problems) {
      current = values;
      for (const { option, element, show } of fields) {
        element.hidden = !applies(option, options, values);
        const value = values[option.name];
        show(value, problems.find((problem) => problem.option === option.name)?.message ?? '');
      }
    },
  };
}

function fieldFor(policy: string, option: OptionDescriptor, changed: (value: OptionValue | undefined) => void): Field {
  const complaint = h('span', { class: 'complaint', role: 'alert' });
  const input = inputFor(policy, option, changed);
  const unit = h('span', { class: 'unit' }, unitLabels[option.unit]);
  const tag = option.kind === 'switch' ? 'div' : 'label';
  const label = h('span', { title: option.help }, option.label);
  const kind = option.kind === 'numbers' || option.kind === 'words' ? 'field list' : 'field';
  return {
    element: h(tag, { class: kind }, label, h('span', { class: 'entry' }, input.element, unit), complaint),
    show(value, message) {
      input.show(value);
      write(complaint, message);
      set(input.element, { 'aria-invalid': message ? 'true' : undefined });
    },
  };
}

function inputFor(policy: string, option: OptionDescriptor, changed: (value: OptionValue | undefined) => void) {
  if (option.kind === 'switch') {
    const element = h('button', { class: 'switch', type: 'button', role: 'switch', 'aria-label': option.label });
    element.addEventListener('click', () => changed(element.getAttribute('aria-checked') !== 'true'));
    const show = (value: OptionValue | undefined) =>
      set(element, { 'aria-checked': String(value ?? option.default ?? false) });
    return { element, show };
  }
  if (option.kind === 'choice') {
    const choices = (option.choices ?? []).map((choice) => h('option', { value: choice }, choice));
    const element = h('select', { name: `${policy} ${option.name}` }, ...choices);
    element.addEventListener('change', () => changed(element.value));
    const show = (value: OptionValue | undefined) => {
      element.value = String(value ?? option.default ?? '');
    };
    return { element, show };
  }

  const element = h('input', {
    name: `${policy} ${option.name}`,
    inputmode: option.kind === 'number' ? 'decimal' : 'text',
    autocomplete: 'off',
    placeholder: option.default === undefined ? 'none' : showOption(option.default),
  });
  element.addEventListener('input', () => changed(parseOption(element.value, option)));
  element.addEventListener('keydown', ({ key }) => {
    const direction = { ArrowUp: 1, ArrowDown: -1 }[key];
    if (direction === undefined || option.kind !== 'number') return;
    const from = Number(element.value || (option.default ?? 0));
    const next = Number((from + direction * (option.step ?? 1)).toPrecision(12));
    element.value = String(Math.min(option.max ?? Infinity, Math.max(option.min ?? -Infinity, next)));
    changed(parseOption(element.value, option));
  });
  const show = (value: OptionValue | undefined) => {
    if (document.activeElement !== element) element.value = value === undefined ? '' : showOption(value);
  };
  return { element, show };
}
