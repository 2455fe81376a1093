/** The figures of plain fetch, of kyoa and of its rivals. All make the same calls at the same times. */
import type { Measures, Session } from '../model/types.ts';
import { byId, h, set, write } from './dom.ts';
import { count, milliseconds, percent, ratio } from './format.ts';
import type { Part } from './part.ts';

interface Figure {
  readonly title: string;
  readonly read: (measures: Measures) => string;
  /** A remark below the figure. */
  readonly note?: (measures: Measures) => string;
}

interface Row {
  readonly element: HTMLElement;
  readonly show: () => void;
}

const figures: readonly Figure[] = [
  { title: 'Success', read: ({ success }) => percent(success) },
  { title: 'p50', read: ({ p50 }) => milliseconds(p50), note: (measures) => reason(measures.p50, measures) },
  { title: 'p99', read: ({ p99 }) => milliseconds(p99), note: (measures) => reason(measures.p99, measures) },
  { title: 'Requests per call', read: ({ upstream }) => ratio(upstream) },
];

export function mountDuel(session: Session): Part {
  const body = h('tbody', {});
  let rows: readonly Row[] = [];
  let drawn = '';
  byId('duel').append(
    h(
      'table',
      {},
      h(
        'caption',
        {},
        'The last ten seconds. A call without a good response counts as endless; one that waits, with its time so far.',
      ),
      h('thead', {}, h('tr', {}, h('td'), ...figures.map(({ title }) => h('th', { scope: 'col' }, title)))),
      body,
    ),
  );
  update();

  function row(lane: string, name: string): Row {
    const values = figures.map(() => h('span', {}, '–'));
    const notes = figures.map(() => h('small', {}));
    const cells = values.map((value, i) => h('td', {}, value, notes[i]!));
    const note = h('small', {}, 'no calls yet');
    const bar = h('i', { class: 'duel-bar' });
    cells[0]?.append(bar);
    const element = h('tr', { class: `duel-${lane}` }, h('th', { scope: 'row' }, h('b', {}, name), note), ...cells);

    function show(): void {
      const measures = session.measures(lane);
      figures.forEach((figure, i) => {
        write(values[i]!, figure.read(measures));
        write(notes[i]!, figure.note?.(measures) ?? '');
      });
      write(note, losses(measures));
      element.dataset['grade'] = grade(measures.success);
      bar.style.scale = `${measures.success ?? 0} 1`;
    }

    return { element, show };
  }

  function update(): void {
    const rivals = session.configuration.rivals ?? [];
    const key = rivals.map(({ id }) => id).join();
    if (key === drawn && rows.length > 0) return;
    drawn = key;
    const own = rivals.length > 0 ? 'kyoa, the onion' : 'kyoa';
    rows = [row('plain', 'plain fetch'), ...rivals.map(({ id, title }) => row(id, title)), row('kyoa', own)];
    body.replaceChildren(...rows.map(({ element }) => element));
    set(byId('duel'), { 'data-rivals': rivals.length > 0 });
  }

  return { update, tick: () => rows.forEach(({ show }) => show()) };
}

function losses({ calls, lost, substitutes, replaced, waiting }: Measures): string {
  if (calls + waiting === 0) return 'no calls yet';
  const also = [
    waiting > 0 && `${count(waiting)} ${waiting === 1 ? 'waits' : 'wait'}`,
    substitutes > 0 && `${count(substitutes)} ${substitutes === 1 ? 'substitute' : 'substitutes'}`,
    replaced > 0 && `${count(replaced)} replaced`,
  ].filter((part) => part !== false);
  return [`${count(lost)} of ${count(calls)} lost`, ...also].join(', ');
}

/** Why a quantile is endless. The share is rounded up, as the success beside it is rounded down. */
function reason(quantile: number | undefined, { success = 1, substitutes }: Measures): string {
  if (quantile !== Infinity) return '';
  const share = (1 - success) * 100;
  const shown = share < 10 ? (Math.ceil(share * 10 - 1e-9) / 10).toFixed(1) : Math.ceil(share - 1e-9);
  return `${shown} % ${substitutes > 0 ? 'not good' : 'lost'}`;
}

function grade(success: number | undefined): string {
  if (success === undefined) return '';
  if (success >= 0.995) return 'good';
  return success >= 0.97 ? 'fair' : 'bad';
}
