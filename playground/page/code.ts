/** The code of the current onion, for Node or for a page. It runs as it is pasted. */
import { generate } from '../model/code.ts';
import type { CodeForm, Session } from '../model/types.ts';
import { copy } from './clipboard.ts';
import { byId, h, set } from './dom.ts';
import { highlight } from './highlight.ts';
import type { Part } from './part.ts';

const forms: readonly (readonly [CodeForm, string])[] = [
  ['node', 'Node'],
  ['page', 'Page'],
];

export function mountCode(session: Session): Part {
  let form: CodeForm = 'node';
  const page = new URL('.', document.baseURI).href.replace(/\/$/, '');
  let text = '';
  const tabs = forms.map(([each, title], i) =>
    h(
      'button',
      {
        class: 'chip',
        type: 'button',
        role: 'tab',
        id: `code-tab-${i}`,
        'aria-controls': 'code-panel',
        onclick: () => show(each),
      },
      title,
    ),
  );
  const panel = h('pre', { id: 'code-panel', role: 'tabpanel', tabindex: 0, class: 'code' });
  const button = h('button', { class: 'button small', type: 'button' }, 'Copy');
  button.addEventListener('click', () => copy(text, button, panel));
  const list = h(
    'div',
    { class: 'chips', role: 'tablist', 'aria-label': 'Where the code runs', onkeydown: steer },
    ...tabs,
  );
  byId('code').append(h('div', { class: 'code-tools' }, list, button), panel);
  update();

  function steer({ key }: KeyboardEvent): void {
    if (key !== 'ArrowLeft' && key !== 'ArrowRight') return;
    show(form === 'node' ? 'page' : 'node');
    tabs.find((tab) => tab.tabIndex === 0)?.focus();
  }

  function show(next: CodeForm): void {
    form = next;
    update();
  }

  function update(): void {
    tabs.forEach((tab, i) => {
      const isChosen = forms[i]![0] === form;
      set(tab, { 'aria-selected': String(isChosen), tabindex: isChosen ? 0 : -1 });
      if (isChosen) set(panel, { 'aria-labelledby': tab.id });
    });
    const next = generate(session.configuration.stack, form, page);
    if (next === text) return;
    text = next;
    panel.replaceChildren(...highlight(text));
  }

  return { update };
}
