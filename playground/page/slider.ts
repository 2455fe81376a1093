/** A slider with its value and unit. A logarithmic scale has 0 at its left end if 0 is allowed. */
import type { SettingField } from '../model/types.ts';
import { h, set, write } from './dom.ts';
import { measure } from './format.ts';

type Range = Pick<SettingField, 'label' | 'help' | 'unit' | 'min' | 'max' | 'step' | 'scale'>;

export interface Slider {
  readonly element: HTMLElement;
  readonly show: (value: number) => void;
}

const STOPS = 200;

export function slider(range: Range, changed: (value: number) => void): Slider {
  const { label, help, unit } = range;
  const output = h('output', {});
  const input = h('input', {
    type: 'range',
    min: 0,
    max: STOPS,
    step: 1,
    title: help,
    'aria-label': label,
    oninput: move,
  });
  const element = h('label', { class: 'slider' }, h('span', {}, label), output, input);

  function move(): void {
    const value = valueAt(Number(input.value) / STOPS, range);
    paint(value);
    changed(value);
  }

  function paint(value: number): void {
    const text = measure(value, unit);
    write(output, text);
    set(input, { 'aria-valuetext': text });
    input.style.setProperty('--fill', `${positionOf(value, range) * 100}%`);
  }

  return {
    element,
    show(value) {
      if (document.activeElement !== input) input.value = String(Math.round(positionOf(value, range) * STOPS));
      paint(value);
    },
  };
}

function valueAt(position: number, { min, max, step, scale }: Range): number {
  if (scale === 'log') {
    if (position === 0) return min;
    const least = min || step;
    return Number((least * (max / least) ** position).toPrecision(2));
  }
  return Number((min + Math.round((position * (max - min)) / step) * step).toPrecision(6));
}

function positionOf(value: number, { min, max, step, scale }: Range): number {
  if (scale === 'linear') return (value - min) / (max - min);
  const least = min || step;
  return value <= min ? 0 : Math.min(1, Math.log(value / least) / Math.log(max / least));
}
