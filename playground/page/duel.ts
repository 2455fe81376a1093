/** The figures of plain fetch and of kyoa over the last ten seconds. Both make the same calls at the same times. */
import type { LaneName, Measures, Session } from '../model/types.ts';
import { byId, h, write } from './dom.ts';
import { count, milliseconds, percent, ratio } from './format.ts';
import type { Part } from './part.ts';

interface Figure {
  readonly title: string;
  readonly read: (measures: Measures) => string;
}

const figures: readonly Figure[] = [
  { title: 'Success', read: ({ success }) => percent(success) },
  { title: 'p50', read: ({ p50 }) => milliseconds(p50) },
  { title: 'p99', read: ({ p99 }) => milliseconds(p99) },
  { title: 'Requests per call', read: ({ upstream }) => ratio(upstream) },
];

export function mountDuel(session: Session): Part {
  const rows = [row('plain', 'plain fetch'), row('kyoa', 'kyoa')];
  byId('duel').append(
    h(
      'table',
      {},
      h('caption', { class: 'sr' }, 'Plain fetch and kyoa over the last ten seconds'),
      h('thead', {}, h('tr', {}, h('td'), ...figures.map(({ title }) => h('th', { scope: 'col' }, title)))),
      h('tbody', {}, ...rows.map(({ element }) => element)),
    ),
  );

  function row(lane: LaneName, name: string): { readonly element: HTMLElement; readonly show: () => void } {
    const values = figures.map(() => h('span', {}, '–'));
    const cells = values.map((value) => h('td', {}, value));
    const note = h('small', {}, 'no calls yet');
    const bar = h('i', { class: 'duel-bar' });
    cells[0]?.append(bar);
    const element = h('tr', { class: `duel-${lane}` }, h('th', { scope: 'row' }, h('b', {}, name), note), ...cells);

    function show(): void {
      const measures = session.measures(lane);
      figures.forEach(({ read }, i) => write(values[i]!, read(measures)));
      const { calls, answered } = measures.total;
      write(note, calls === 0 ? 'no calls yet' : `${count(calls - answered)} of ${count(calls)} lost`);
      element.dataset['grade'] = grade(measures.success);
      bar.style.scale = `${measures.success ?? 0} 1`;
    }

    return { element, show };
  }

  return { tick: () => rows.forEach(({ show }) => show()) };
}

function grade(success: number | undefined): string {
  if (success === undefined) return '';
  if (success >= 0.995) return 'good';
  return success >= 0.97 ? 'fair' : 'bad';
}
