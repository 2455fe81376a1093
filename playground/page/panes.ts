/** The panes below the onion: cards that show what the policies do besides the waterfall. */
import type { Session } from '../model/types.ts';
import { byId, h } from './dom.ts';
import { mountHandler } from './handler.ts';
import { mountHot } from './hot.ts';
import type { Pane } from './pane.ts';
import type { Part } from './part.ts';
import { mountQueue } from './queue.ts';
import { mountSearch } from './search.ts';
import { mountTrace } from './trace.ts';

export function mountPanes(session: Session): Part {
  const panes = [mountTrace, mountHot, mountQueue, mountSearch, mountHandler].map((mount) => mount(session));
  const visible = new Set<Pane>();
  const watch = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      const pane = panes.find(({ id }) => id === target.id)!;
      if (isIntersecting) visible.add(pane);
      else visible.delete(pane);
    }
  });
  for (const pane of panes) {
    const card = h(
      'section',
      { class: `card pane pane-${pane.id}`, id: pane.id, 'aria-labelledby': `${pane.id}-title` },
      h('header', {}, h('h2', { id: `${pane.id}-title` }, pane.title), h('p', {}, pane.about)),
      pane.element,
    );
    byId('panes').append(card);
    watch.observe(card);
  }
  update();

  function update(): void {
    for (const pane of panes) pane.update?.();
  }

  /** A pane outside the window is not drawn. */
  function tick(): void {
    for (const pane of panes) pane.sample?.();
    for (const pane of visible) pane.tick();
  }

  return { update, tick };
}
