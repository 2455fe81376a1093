/** The inputs for settings that do not have a slider. */
import type { SettingField } from '../model/types.ts';
import { h, set } from './dom.ts';

export interface SettingInput {
  readonly element: HTMLElement;
  readonly show: (value: unknown) => void;
}

export function switchField({ label, help }: SettingField, changed: (value: boolean) => void): SettingInput {
  const button = h('button', {
    class: 'switch',
    type: 'button',
    role: 'switch',
    'aria-label': label,
    title: help,
    onclick: (): void => changed(button.getAttribute('aria-checked') !== 'true'),
  });
  return {
    element: h('div', { class: 'field' }, h('span', { 'aria-hidden': 'true' }, label), button),
    show: (value) => set(button, { 'aria-checked': String(value) }),
  };
}

export function numberField({ label, help }: SettingField, changed: (value: number) => void): SettingInput {
  return textField(label, help, (text) => changed(Number(text)), String);
}

/** An input for a list of statuses, such as `500, 503`. */
export function statusField({ label, help }: SettingField, changed: (value: number[]) => void): SettingInput {
  const show = (value: unknown): string => (value as readonly number[]).join(', ');
  return textField(label, help, (text) => changed(numbers(text)), show);
}

function textField(
  label: string,
  help: string,
  changed: (text: string) => void,
  text: (value: unknown) => string,
): SettingInput {
  const input = h('input', { inputmode: 'numeric', title: help, onchange: (): void => changed(input.value) });
  return {
    element: h('label', { class: 'field' }, h('span', {}, label), input),
    show(value) {
      if (document.activeElement !== input) input.value = text(value);
    },
  };
}

function numbers(text: string): number[] {
  return text
    .split(/[\s,]+/)
    .filter((part) => part !== '')
    .map(Number);
}
