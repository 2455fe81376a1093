/** Highlights the part of the page that a step of a scenario describes, and scrolls to it where necessary. */
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
};

const narrow = matchMedia('(width < 760px)');

export function pointAt(part: Step['watch'] | undefined): void {
  for (const each of document.querySelectorAll('.watched')) each.classList.remove('watched');
  if (part === undefined) return;
  const element = byId(parts[part]);
  const place = element.closest('.card') ?? element;
  place.classList.add('watched');
  if (narrow.matches) element.scrollIntoView({ block: 'start' });
  else if (part === 'pay' || part === 'code') place.scrollIntoView({ block: 'nearest' });
}
