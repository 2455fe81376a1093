/** The code of the current onion, for Node or for a page, which runs as it is pasted; and its policy document. */
import { generate } from '../model/code.ts';
import { stepOf } from '../model/scenarios.ts';
import type { CodeForm, Session, Step } from '../model/types.ts';
import { copy } from './clipboard.ts';
import type { DocumentEditor } from './document/document-editor.ts';
import { byId, h, set, write } from './dom.ts';
import { highlight } from './highlight.ts';
import type { Part } from './part.ts';
import { pointAt } from './point-at.ts';

const forms: readonly (readonly [form: CodeForm | 'document', title: string, panel: string])[] = [
  ['node', 'Node', 'code-panel'],
  ['page', 'Page', 'code-panel'],
  ['document', 'Policy document', 'document-panel'],
];

export function mountCode(session: Session): Part {
  let form: (typeof forms)[number][0] = 'node';
  const page = new URL('.', document.baseURI).href.replace(/\/$/, '');
  let text = '';
  let step: Step | undefined;
  let editor: DocumentEditor | undefined;
  let isOpening = false;
  const tabs = forms.map(([each, title, panel], i) =>
    h(
      'button',
      {
        class: 'chip',
        type: 'button',
        role: 'tab',
        id: `code-tab-${i}`,
        'aria-controls': panel,
        onclick: () => show(each),
      },
      title,
    ),
  );
  const panel = h('pre', { id: 'code-panel', role: 'tabpanel', tabindex: 0, class: 'code' });
  const documentPanel = h('div', { id: 'document-panel', role: 'tabpanel', hidden: true });
  const button = h('button', { class: 'button small', type: 'button' }, 'Copy');
  button.addEventListener('click', () => {
    if (form !== 'document') copy(text, button, panel);
    else if (editor) copy(editor.text(), button, documentPanel);
  });
  const list = h('div', { class: 'chips', role: 'tablist', 'aria-label': 'The form', onkeydown: steer }, ...tabs);
  byId('code').append(h('div', { class: 'code-tools' }, list, button), panel, documentPanel);
  update();

  function steer({ key }: KeyboardEvent): void {
    const by = ['ArrowLeft', '', 'ArrowRight'].indexOf(key) - 1;
    if (Math.abs(by) !== 1 || key === '') return;
    const at = forms.findIndex(([each]) => each === form);
    show(forms.at((at + by) % forms.length)![0]);
    tabs.find((tab) => tab.tabIndex === 0)?.focus();
  }

  function show(next: typeof form): void {
    form = next;
    if (form === 'document') void openEditor();
    update();
  }

  /** The editor is loaded when it is first needed. */
  async function openEditor(): Promise<void> {
    if (editor || isOpening) return;
    isOpening = true;
    try {
      const { createDocumentEditor } = await import('./document/document-editor.ts');
      editor = createDocumentEditor(session, page);
      documentPanel.replaceChildren(editor.element);
      if (step?.watch === 'document') pointAt('document'); // the page has grown
    } catch (error) {
      write(documentPanel, `The editor could not be loaded: ${(error as Error).message}`);
    }
    isOpening = false;
  }

  function update(): void {
    const next = session.place && stepOf(session.place);
    if (next !== step) {
      step = next;
      if (step?.watch === 'document') return show('document');
    }
    tabs.forEach((tab, i) => {
      const isChosen = forms[i]![0] === form;
      set(tab, { 'aria-selected': String(isChosen), tabindex: isChosen ? 0 : -1 });
      if (isChosen) set(form === 'document' ? documentPanel : panel, { 'aria-labelledby': tab.id });
    });
    panel.hidden = form === 'document';
    documentPanel.hidden = form !== 'document';
    editor?.update();
    if (form !== 'document') print(generate(session.configuration.stack, form, page));
  }

  function print(next: string): void {
    if (next === text) return;
    text = next;
    panel.replaceChildren(...highlight(text));
  }

  return { update, tick: () => form === 'document' && editor?.tick() };
}
