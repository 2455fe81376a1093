/** A text area with line numbers, colours, and marks on lines. The coloured lines lie under the text area. */
import type { Reading } from '../../model/document/read.ts';
import { h, set } from '../dom.ts';
import { highlight } from '../highlight.ts';

export interface TextField {
  readonly element: HTMLElement;
  readonly text: () => string;
  readonly write: (text: string) => void;
  /** Marks the lines of what was found. */
  readonly mark: (found: Pick<Reading, 'problems' | 'mistakes' | 'remarks'>) => void;
  /** Puts the caret at the end of a line. */
  readonly goTo: (line: number) => void;
  readonly focus: () => void;
}

export interface TextFieldOptions {
  readonly label: string;
  /** The id of the element that says what is wrong with the text. */
  readonly describedBy: string;
  /** Called when the visitor has changed the text. */
  readonly changed: () => void;
}

export function createTextField({ label, describedBy, changed }: TextFieldOptions): TextField {
  const area = h('textarea', {
    'aria-label': label,
    'aria-describedby': describedBy,
    spellcheck: 'false',
    autocapitalize: 'off',
    autocomplete: 'off',
    wrap: 'off',
    oninput: () => {
      draw();
      changed();
    },
  });
  const lines = h('pre', { 'aria-hidden': 'true' });
  const element = h('div', { class: 'document-text' }, h('div', {}, lines, area));

  function draw(): void {
    lines.replaceChildren(...area.value.split('\n').map((line) => h('span', {}, ...highlight(line), '\n')));
  }

  return {
    element,
    text: () => area.value,
    write(text) {
      area.value = text;
      draw();
    },
    mark({ problems, mistakes, remarks }) {
      set(area, { 'aria-invalid': problems.length > 0 && 'true' });
      for (const line of lines.children) line.removeAttribute('data-mark');
      for (const [mark, found] of Object.entries({ remark: remarks, mistake: mistakes, problem: problems })) {
        for (const { line = 0 } of found) lines.children[line - 1]?.setAttribute('data-mark', mark);
      }
    },
    goTo(line) {
      const end = area.value.split('\n').slice(0, line).join('\n').length;
      area.focus();
      area.setSelectionRange(end, end);
      lines.children[line - 1]?.scrollIntoView({ block: 'nearest' });
    },
    focus: () => area.focus(),
  };
}
