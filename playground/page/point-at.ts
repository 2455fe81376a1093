/** Highlights the part of the page that a step of a scenario describes, and scrolls until it can be seen. */
import type { Step } from '../model/types.ts';
import { byId } from './dom.ts';

const parts: Readonly<Record<Step['watch'], string>> = {
  network: 'network',
  onion: 'rings',
  waterfall: 'waterfall',
  chart: 'latency',
  compare: 'duel',
  pay: 'pay',
  code: 'code',
  hot: 'hot',
  queue: 'queue',
  search: 'search',
};

const GAP = 12;

const narrow = matchMedia('(width < 760px)');

export function pointAt(part: Step['watch'] | undefined): void {
  for (const each of document.querySelectorAll('.watched')) each.classList.remove('watched');
  if (part === undefined) return;
  const element = byId(parts[part]);
  (element.closest('.card') ?? element).classList.add('watched');
  byId('tour').dataset['watch'] = element.id;
  // The panel of the step has been shown just now. Its height is known in the next frame.
  requestAnimationFrame(() => reveal(element));
}

/** Scrolls only if a part of the element is behind the bar, behind the panel of the step, or outside the window. */
function reveal(element: HTMLElement): void {
  const bar = document.querySelector('.bar')?.clientHeight ?? 0;
  const dock = byId('tour');
  const panel = dock.clientHeight + GAP;
  const { top, bottom } = element.getBoundingClientRect();
  // A narrow page has the panel at the bottom of the window. On a wide one it sticks below the bar once it is reached.
  const isBelowPanel = narrow.matches || element.compareDocumentPosition(dock) === Node.DOCUMENT_POSITION_FOLLOWING;
  const from = bar + GAP + (isBelowPanel ? 0 : panel);
  const to = innerHeight - (narrow.matches ? panel : 0);
  if (top < from) scrollBy({ top: top - from });
  else if (bottom > to) scrollBy({ top: Math.min(top - from, bottom - to + GAP) });
}
