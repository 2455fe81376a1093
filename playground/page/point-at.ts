/** Highlights a part of the page that a step of a scenario describes, and scrolls until it can be seen. */
import type { Watched } from '../model/types.ts';
import { byId } from './dom.ts';

interface Target {
  readonly id: string;
  /** What the button calls it that shows it. */
  readonly name: string;
  /** A part of a card that is shown alone where the card is too high. */
  readonly isAlone?: boolean;
}

const targets: Readonly<Record<Watched, Target>> = {
  network: { id: 'network', name: 'the network' },
  onion: { id: 'rings', name: 'the onion' },
  layers: { id: 'layers', name: 'the onion', isAlone: true },
  waterfall: { id: 'waterfall', name: 'the calls' },
  chart: { id: 'latency', name: 'the chart', isAlone: true },
  compare: { id: 'duel', name: 'the figures' },
  pay: { id: 'pay', name: 'the payments' },
  code: { id: 'code', name: 'the code' },
  document: { id: 'code', name: 'the document' },
  hot: { id: 'hot', name: 'the hot items' },
  queue: { id: 'queue', name: 'the queue' },
  picture: { id: 'picture', name: 'the picture' },
  search: { id: 'search', name: 'the search' },
};

export function nameOf(part: Watched): string {
  return targets[part].name;
}

let correct = (): unknown => undefined;
/** For so long the panel of the step and the parts above may still change their height after the step has begun, ms. */
const settling = 500;
const changes = new ResizeObserver(() => {
  makeRoom();
  correct();
});
let settled: ReturnType<typeof setTimeout> | undefined;

export function pointAt(part: Watched | undefined): void {
  document.removeEventListener('scrollend', correct);
  changes.disconnect();
  clearTimeout(settled);
  for (const each of document.querySelectorAll('.watched')) each.classList.remove('watched');
  if (part === undefined) return makeRoom();
  const { id, isAlone = false } = targets[part];
  const element = byId(id);
  const card = element.closest<HTMLElement>('.card') ?? element;
  byId('tour').dataset['watch'] = id;
  card.classList.add('watched');
  // The other parts of the page follow the step in this frame.
  requestAnimationFrame(() => {
    makeRoom();
    reveal(isAlone && card.clientHeight > room().height ? element : card);
  });
}

/** Every scroll of the page leaves the room that the panel of the step takes: see `scroll-padding` in the style sheet. */
export function makeRoom(): void {
  document.documentElement.style.setProperty('--guide', `${byId('tour').clientHeight}px`);
}

/** Scrolls only if a part of the element cannot be seen, and at once if it is far away. */
function reveal(element: HTMLElement): void {
  const isFar = Math.abs(element.getBoundingClientRect().top) > innerHeight;
  const scroll = (): void => element.scrollIntoView({ block: 'start', behavior: isFar ? 'instant' : 'auto' });
  correct = () => isSeen(element) || scroll();
  changes.observe(document.body);
  changes.observe(byId('tour'));
  settled = setTimeout(() => {
    correct(); // the scroll anchoring of the browser may have moved the page without a change of its height
    changes.disconnect();
  }, settling);
  if (isSeen(element)) return;
  // The page above may have grown on the way.
  document.addEventListener('scrollend', correct, { once: true });
  scroll();
}

function isSeen(element: HTMLElement): boolean {
  const { top, bottom } = element.getBoundingClientRect();
  const { from, to } = room();
  return top >= from - 1 && bottom <= to + 1;
}

/** The part of the window that neither the bar nor the panel covers. */
function room(): { readonly from: number; readonly to: number; readonly height: number } {
  const { scrollPaddingTop, scrollPaddingBottom } = getComputedStyle(document.documentElement);
  const from = Number.parseFloat(scrollPaddingTop);
  const to = innerHeight - (Number.parseFloat(scrollPaddingBottom) || 0);
  return { from, to, height: to - from };
}
