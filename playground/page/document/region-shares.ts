/** The share of the last requests that each region got, while the onion has regions. */
import type { Session } from '../../model/types.ts';
import { regions } from '../../network/regions.ts';
import { countsOf } from '../cores.ts';
import { h, write } from '../dom.ts';
import { percent } from '../format.ts';

export interface RegionShares {
  readonly element: HTMLElement;
  readonly tick: () => void;
}

export function createRegionShares(session: Session): RegionShares {
  const values = regions.map(() => h('span', { class: 'number' }));
  const bars = regions.map(() => h('i', { 'aria-hidden': 'true' }));
  const rows = regions.map((region, i) => h('div', {}, h('dt', {}, region), h('dd', {}, bars[i]!, values[i]!)));
  const element = h('dl', { class: 'region-shares', 'aria-label': 'Requests by region', hidden: true }, ...rows);

  function tick(): void {
    const { stack } = session.configuration;
    element.hidden = !stack.some(({ on, policy }) => on && (policy === 'endpoints' || policy === 'race'));
    if (element.hidden) return;
    const counts = countsOf(session.calls());
    const all = regions.reduce((sum, region) => sum + counts[region].sent, 0);
    regions.forEach((region, i) => {
      const share = all === 0 ? undefined : counts[region].sent / all;
      write(values[i]!, percent(share));
      bars[i]!.style.setProperty('--share', String(share ?? 0));
    });
  }

  return { element, tick };
}
