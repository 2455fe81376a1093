/** The editor of the policy document: a text that is checked while it is typed, and becomes the onion. */
import { readDocument } from '../../model/document/read.ts';
import type { Reading } from '../../model/document/read.ts';
import { writeDocument } from '../../model/document/write.ts';
import type { Session } from '../../model/types.ts';
import { announce, h, write } from '../dom.ts';
import { createFindings } from './findings.ts';
import { createRegionShares } from './region-shares.ts';
import { createTextField } from './text-field.ts';

export interface DocumentEditor {
  readonly element: HTMLElement;
  readonly text: () => string;
  /** Follows the onion. */
  readonly update: () => void;
  readonly tick: () => void;
}

/** How long after the last key the text is checked, ms. */
const pause = 120;

/** A longer file is hardly a policy document, and slow to show. */
const longest = 100_000;

/** A phone shows so few characters of a line that each member has a line of its own. */
const narrow = matchMedia('(width < 760px)');

/** `page` is the URL of the page, without a slash at its end. */
export function createDocumentEditor(session: Session, page: string): DocumentEditor {
  const field = createTextField({ label: 'Policy document', describedBy: 'document-findings', changed });
  const findings = createFindings('document-findings', field.goTo);
  const shares = createRegionShares(session);
  const state = h('span', { class: 'document-state' });
  const apply = h('button', { class: 'button small primary', type: 'button', onclick: use }, 'Apply');
  const discard = h('button', { class: 'button small', type: 'button', onclick: takeOnion }, 'Discard');
  const file = h('input', { type: 'file', accept: '.json,application/json', hidden: true, onchange: choose });
  const element = h(
    'div',
    { class: 'document', ondragover: hover, ondragleave: leave, ondrop: drop, onkeydown: applyByKey },
    shares.element,
    field.element,
    h(
      'div',
      { class: 'document-tools' },
      apply,
      discard,
      h('button', { class: 'button small', type: 'button', onclick: () => file.click() }, 'Open a file'),
      h('button', { class: 'button small', type: 'button', onclick: download }, 'Download'),
      file,
      state,
    ),
    findings.element,
    h(
      'p',
      { class: 'document-help' },
      'Ctrl Enter, or ⌘ Enter, applies it. Paste a document of your own, or drop its file here. Routes, environments and middleware of ' +
        'your program are no part of this onion.',
    ),
  );
  /** The text that says what the onion is, and the onion that it says it of. */
  let inForce = '';
  let { stack, place } = present();
  let reading: Reading;
  let timer: ReturnType<typeof setTimeout> | undefined;
  takeOnion();

  function present() {
    return { stack: session.configuration.stack, place: session.place };
  }

  function takeOnion(): void {
    ({ stack, place } = present());
    inForce = writeDocument(stack, page, narrow.matches ? 28 : undefined);
    field.write(inForce);
    check();
  }

  function changed(): void {
    clearTimeout(timer);
    timer = setTimeout(check, pause);
    showState();
  }

  function check(): void {
    clearTimeout(timer);
    reading = readDocument(field.text(), session.configuration.stack);
    field.mark(reading);
    findings.show(reading);
    showState();
  }

  function showState(): void {
    const isDraft = field.text() !== inForce;
    const isBehind = session.configuration.stack !== stack;
    apply.disabled = !isDraft || reading.stack === undefined;
    discard.hidden = !isDraft;
    write(state, isBehind ? 'The onion has changed since' : isDraft ? 'Not applied yet' : 'In force');
    state.dataset['state'] = isDraft ? 'draft' : 'force';
  }

  function use(): void {
    check();
    if (reading.stack === undefined) return announce('The document has problems, and is not applied');
    inForce = field.text();
    stack = reading.stack;
    session.configure({ stack });
    showState();
    announce('Applied: the onion is that of the document');
  }

  function applyByKey(event: KeyboardEvent): void {
    if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    use();
  }

  function download(): void {
    const href = URL.createObjectURL(new Blob([`${field.text().trimEnd()}\n`], { type: 'application/json' }));
    h('a', { href, download: 'policy.json' }).click();
    // The download begins in a later task.
    setTimeout(() => URL.revokeObjectURL(href), 1_000);
  }

  function choose(): void {
    const [chosen] = file.files ?? [];
    file.value = ''; // the same file can be chosen again
    if (chosen) void open(chosen);
  }

  async function open(chosen: File): Promise<void> {
    if (chosen.size > longest) return announce(`${chosen.name} is too long: at most ${longest / 1_000} kB are read`);
    try {
      field.write(await chosen.text());
    } catch (error) {
      return announce(`${chosen.name} cannot be read: ${(error as Error).message}`);
    }
    check();
    field.focus();
    announce(`${chosen.name} is open. Apply makes the onion of it`);
  }

  function hover(event: DragEvent): void {
    if (!event.dataTransfer?.types.includes('Files')) return;
    event.preventDefault();
    element.classList.add('dropping');
  }

  function leave(): void {
    element.classList.remove('dropping');
  }

  function drop(event: DragEvent): void {
    leave();
    const [dropped] = event.dataTransfer?.files ?? [];
    if (!dropped) return;
    event.preventDefault();
    void open(dropped);
  }

  /** A draft stays when the onion changes. A step of a scenario begins with its own document. */
  function update(): void {
    const isNewStep = session.place !== place;
    if (session.configuration.stack === stack && !isNewStep) return;
    if (field.text() === inForce || isNewStep) takeOnion();
    else check();
  }

  return { element, text: field.text, update, tick: shares.tick };
}
