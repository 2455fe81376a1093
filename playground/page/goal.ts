/** The goal of a scenario's last step: each of its aims with the present value, and a tick while it is reached. */
import type { Aim, Reading, Session } from '../model/types.ts';
import { announce, h, icon, write } from './dom.ts';

export interface Goal {
  readonly element: HTMLElement;
  readonly show: (aims: readonly Aim[]) => void;
  readonly tick: () => void;
  /** A goal that has been reached stays reached, until the next one is shown. */
  readonly isReached: () => boolean;
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
  let isReached = false;

  function show(aims: readonly Aim[]): void {
    element.hidden = aims.length === 0;
    isReached = false;
    rows = aims.map((aim): Row => {
      const value = h('span', { class: 'number' });
      const mark = h('i', { class: 'aim-mark', 'aria-hidden': 'true' }, icon(tickMark));
      return { aim, value, isReached: false, element: h('li', {}, mark, h('span', {}, aim.title), value) };
    });
    list.replaceChildren(...rows.map((row) => row.element));
    tick();
  }

  function tick(): void {
    if (rows.length === 0 || isReached) return;
    for (const row of rows) {
      const reading = row.aim.read(session);
      const isKept = row.isReached && row.aim.isLasting === true;
      if (reading.isReached && !row.isReached) announce(`Reached: ${row.aim.title}`);
      row.isReached = reading.isReached || isKept;
      write(row.value, isKept ? 'reached' : words(reading));
      row.element.classList.toggle('reached', row.isReached);
      row.element.style.setProperty('--held', String(held(reading)));
    }
    const reached = rows.filter((row) => row.isReached).length;
    isReached = reached === rows.length;
    element.classList.toggle('reached', isReached);
    write(progress, isReached ? 'Goal reached' : `Goal: ${reached} of ${rows.length} reached`);
  }

  return { element, show, tick, isReached: () => isReached };
}

function words({ value, holding }: Reading): string {
  const left = Math.ceil((holding?.left ?? 0) / 1_000);
  return left > 0 ? `now ${value}, for ${left} s more` : `now ${value}`;
}

/** The share of the time for which a value has to be good. */
function held({ holding }: Reading): number {
  return holding === undefined ? 0 : 1 - holding.left / holding.total;
}
