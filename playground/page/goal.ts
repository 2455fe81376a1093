/** The goal of a scenario's last step: each of its aims with the present value, and a tick while it is reached. */
import type { Aim, Session } from '../model/types.ts';
import { announce, h, icon, write } from './dom.ts';

export interface Goal {
  readonly element: HTMLElement;
  readonly show: (aims: readonly Aim[]) => void;
  readonly tick: () => void;
}

interface Row {
  readonly aim: Aim;
  readonly element: HTMLElement;
  readonly value: HTMLElement;
  isReached: boolean;
}

const tickMark = 'M3.5 8.5l3 3 6-7';

export function mountGoal(session: Session): Goal {
  const progress = h('b', { class: 'goal-progress', role: 'status' });
  const list = h('ul', { class: 'aims' });
  const element = h('div', { class: 'goal', hidden: true }, progress, list);
  let rows: readonly Row[] = [];

  function show(aims: readonly Aim[]): void {
    element.hidden = aims.length === 0;
    element.classList.remove('reached');
    rows = aims.map((aim): Row => {
      const value = h('span', { class: 'number' });
      const mark = h('i', { class: 'aim-mark', 'aria-hidden': 'true' }, icon(tickMark));
      return { aim, value, isReached: false, element: h('li', {}, mark, h('span', {}, aim.title), value) };
    });
    list.replaceChildren(...rows.map((row) => row.element));
    tick();
  }

  function tick(): void {
    if (rows.length === 0 || element.classList.contains('reached')) return;
    for (const row of rows) {
      const { value, isReached } = row.aim.read(session);
      const isKept = row.isReached && row.aim.isLasting === true;
      if (isReached && !row.isReached) announce(`Reached: ${row.aim.title}`);
      row.isReached = isReached || isKept;
      write(row.value, isKept ? 'reached' : `now ${value}`);
      row.element.classList.toggle('reached', row.isReached);
    }
    const reached = rows.filter(({ isReached }) => isReached).length;
    // A goal that has been reached stays reached.
    element.classList.toggle('reached', reached === rows.length);
    write(progress, reached === rows.length ? 'Goal reached' : `Goal: ${reached} of ${rows.length} reached`);
  }

  return { element, show, tick };
}
