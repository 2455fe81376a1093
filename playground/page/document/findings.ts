/** What was found in a policy document: problems, likely mistakes, what the onion leaves out, and what the document says. */
import type { Reading } from '../../model/document/read.ts';
import { h, write } from '../dom.ts';

export interface Findings {
  readonly element: HTMLElement;
  readonly show: (reading: Reading) => void;
}

type Finding = Reading['problems'][number];

/** `goTo` shows a line of the text. */
export function createFindings(id: string, goTo: (line: number) => void): Findings {
  const sum = h('p', { class: 'findings-sum', role: 'status' });
  const list = h('ul', { class: 'findings-list' });
  const sentences = h('ol', { class: 'findings-sentences' });
  const says = h('div', {}, h('p', { class: 'findings-says' }, 'What it says'), sentences);
  const element = h('div', { class: 'findings', id }, sum, list, says);

  function show({ problems, mistakes, remarks, description }: Reading): void {
    write(sum, sumOf({ problems, mistakes, remarks }));
    sum.dataset['grade'] = problems.length > 0 ? 'bad' : 'good';
    list.replaceChildren(
      ...byLine(problems).map((found) => itemOf(found, 'problem')),
      ...byLine(mistakes).map((found) => itemOf(found, 'mistake')),
      ...remarks.map((found) => itemOf(found, 'remark')),
    );
    says.hidden = description.length === 0;
    sentences.replaceChildren(...description.map(({ sentence }) => h('li', {}, sentence)));
  }

  function itemOf({ line, path, message }: Finding, kind: string): HTMLElement {
    const where =
      line === undefined
        ? []
        : [h('button', { class: 'finding-line', type: 'button', onclick: () => goTo(line) }, `line ${line}`), ' '];
    return h('li', { 'data-kind': kind }, ...where, ...(path === '' ? [] : [h('code', {}, path), ' ']), message);
  }

  return { element, show };
}

function sumOf({ problems, mistakes, remarks }: Pick<Reading, 'problems' | 'mistakes' | 'remarks'>): string {
  const parts = [
    problems.length > 0 && counted(problems.length, 'problem'),
    mistakes.length > 0 && counted(mistakes.length, 'likely mistake'),
    remarks.length > 0 && `${counted(remarks.length, 'difference')} in this onion`,
  ].filter((part) => part !== false);
  return parts.length === 0 ? 'No problems' : parts.join(', ');
}

function byLine(found: readonly Finding[]): readonly Finding[] {
  return found.toSorted((one, other) => (one.line ?? 0) - (other.line ?? 0));
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
