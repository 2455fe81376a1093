/** The panes below the onion: cards that show what the policies do besides the waterfall. */
import type { Session } from '../model/types.ts';
import { byId, h } from './dom.ts';
import { mountHandler } from './handler.ts';
import { mountHot } from './hot.ts';
import { mountOrders } from './orders.ts';
import type { Pane } from './pane.ts';
import type { Part } from './part.ts';
import { mountPicture } from './picture.ts';
import { mountQueue } from './queue.ts';
import { mountSearch } from './search.ts';
import { mountTokens } from './tokens.ts';
import { mountTrace } from './trace.ts';

export function mountPanes(session: Session): Part {
  const trace = mountTrace(session);
  /** Two columns, each as high as its panes. */
  const columns = [
    [mountHot(session), mountQueue(session), mountTokens()],
    [mountSearch(session), mountPicture(session), mountOrders(), mountHandler()],
  ];
  const panes: readonly Pane[] = [trace, ...columns.flat()];
  const visible = new Set<Pane>();
  const watch = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      const pane = panes.find(({ id }) => id === target.id)!;
      if (isIntersecting) visible.add(pane);
      else visible.delete(pane);
    }
  });
  byId('panes').append(
    cardOf(trace),
    ...columns.map((column) => h('div', { class: 'panes-column' }, ...column.map(cardOf))),
  );
  for (const { id } of panes) watch.observe(byId(id));
  update();

  /** A pane that grew when it comes into the window would move what a step shows there. */
  function update(): void {
    for (const pane of panes) {
      pane.update?.();
      pane.tick();
    }
  }

  /** A pane outside the window is not drawn. */
  function tick(): void {
    for (const pane of panes) pane.sample?.();
    for (const pane of visible) pane.tick();
  }

  return { update, tick };
}

function cardOf({ id, title, about, element }: Pane): HTMLElement {
  return h(
    'section',
    { class: `card pane pane-${id}`, id, 'aria-labelledby': `${id}-title` },
    h('header', {}, h('h2', { id: `${id}-title` }, title), h('p', {}, about)),
    element,
  );
}
