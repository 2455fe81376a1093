/** The code of the current onion, for a module or for a script tag. */
import { generate } from '../model/code.ts';
import type { CodeForm, Session } from '../model/types.ts';
import { copy } from './clipboard.ts';
import { byId, h, set } from './dom.ts';
import { highlight } from './highlight.ts';
import type { Part } from './part.ts';

const forms: readonly (readonly [CodeForm, string])[] = [
  ['module', 'Module'],
  ['script tag', 'Script tag'],
];

export function mountCode(session: Session): Part {
  let form: CodeForm = 'module';
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
    { class: 'chips', role: 'tablist', 'aria-label': 'Form of the code', onkeydown: steer },
    ...tabs,
  );
  byId('code').append(h('div', { class: 'code-tools' }, list, button), panel);
  update();

  function steer({ key }: KeyboardEvent): void {
    if (key !== 'ArrowLeft' && key !== 'ArrowRight') return;
    show(form === 'module' ? 'script tag' : 'module');
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
    const next = generate(session.configuration.stack, form);
    if (next === text) return;
    text = next;
    panel.replaceChildren(...highlight(text));
  }

  return { update };
}
