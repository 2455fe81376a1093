/** One layer of the list: handle, switch, name, counts, and the options that a click on the name opens. */
import { catalogue } from '../model/catalogue.ts';
import type { Hint } from '../model/order.ts';
import type { LayerCounts, PolicyEntry, Problem } from '../model/types.ts';
import { announce, h, set, write } from './dom.ts';
import { count } from './format.ts';
import { createOptions } from './options.ts';
import { summarize } from './option-text.ts';
import { hueOf } from './palette.ts';

export interface Layer {
  readonly element: HTMLLIElement;
  readonly show: (entry: PolicyEntry, place: number, of: number, remarks: Remarks) => void;
  readonly count: (counts: LayerCounts) => void;
}

export interface Remarks {
  readonly problems: readonly Problem[];
  readonly hints: readonly Hint[];
}

export interface Edits {
  readonly edit: (entry: PolicyEntry) => void;
  readonly remove: (id: string) => void;
  readonly move: (hint: Hint) => void;
}

export function createLayer(first: PolicyEntry, { edit, remove, move }: Edits): Layer {
  let entry = first;
  const descriptor = catalogue.find(({ name }) => name === entry.policy)!;
  const name = entry.policy;
  const panel = `options-${entry.id}`;

  const handle = h('button', { class: 'handle', type: 'button', 'aria-describedby': 'move-help' });
  handle.append(...Array.from({ length: 6 }, () => h('i')));
  const toggle = h('button', { class: 'switch', type: 'button', role: 'switch', 'aria-label': name, onclick: flip });
  const summary = h('span', {}, descriptor.about);
  const opener = h(
    'button',
    { class: 'layer-name', type: 'button', 'aria-expanded': 'false', 'aria-controls': panel, onclick: open },
    h('b', {}, name),
    summary,
  );
  const entered = h('span', { class: 'number' });
  const change = h('span', { class: 'layer-change number' });
  const options = createOptions(descriptor, (options) => edit({ ...entry, options }));
  const body = h(
    'div',
    { class: 'layer-options', id: panel, hidden: true },
    h('p', {}, `${descriptor.about} ${descriptor.place}`),
    options.element,
    h('button', { class: 'button small', type: 'button', onclick: () => remove(entry.id) }, `Remove ${name}`),
  );
  let hint: Hint | undefined;
  const words = h('span', {});
  const advice = h(
    'p',
    { class: 'layer-hint', hidden: true },
    words,
    h('button', { class: 'button small', type: 'button', onclick: () => hint && move(hint) }, `Move ${name}`),
  );
  const element = h(
    'li',
    { class: 'layer', 'data-id': entry.id, style: `--hue: ${hueOf(entry.policy)}` },
    h('div', { class: 'layer-row' }, handle, toggle, opener, h('span', { class: 'layer-count' }, change, entered)),
    advice,
    body,
  );

  function flip(): void {
    edit({ ...entry, on: !entry.on });
    announce(`${name} is ${entry.on ? 'on' : 'off'}`);
  }

  function open(): void {
    body.hidden = !body.hidden;
    set(opener, { 'aria-expanded': String(!body.hidden) });
  }

  return {
    element,
    show(now, place, of, { problems, hints }) {
      entry = now;
      hint = hints.find((each) => each.entry === entry.id);
      advice.hidden = hint === undefined;
      write(words, hint?.message ?? '');
      set(handle, { 'aria-label': `Move ${name}, layer ${place} of ${of}` });
      set(toggle, { 'aria-checked': String(entry.on) });
      element.classList.toggle('off', !entry.on);
      const mine = problems.filter((problem) => problem.entry === entry.id);
      element.classList.toggle('faulty', mine.length > 0);
      options.show(entry.options, mine);
      write(summary, summarize(descriptor, entry.options) || descriptor.about);
      if (!entry.on) write(entered, 'off');
      if (!entry.on) write(change, '');
    },
    count({ entered: calls, sent, inside }) {
      const more = sent - calls;
      const less = calls - sent - inside;
      write(entered, count(calls));
      write(change, more > 0 ? `+${count(more)}` : less > 0 ? `−${count(less)}` : '');
      set(change, { title: more > 0 ? 'requests that this layer added' : 'requests that this layer avoided' });
    },
  };
}
