/** The cores of the onion: one for each region while `endpoints` or `race` is in the stack. */
import type { CallRecord, PolicyEntry, Region, Session } from '../model/types.ts';
import { regions } from '../network/regions.ts';
import { h, s, set, write } from './dom.ts';
import { percent } from './format.ts';
import { drawing, regionPlaces } from './geometry.ts';

export interface Cores {
  /** Whether the requests go to several regions. */
  readonly isRegional: (entries: readonly PolicyEntry[]) => boolean;
  /** Draws a core for each region. */
  readonly draw: () => SVGElement;
  /** The share of the requests that each region gets. */
  readonly note: HTMLElement;
  /** Shows which regions fail, and which are ejected. */
  readonly tick: () => void;
}

export function createCores(session: Session): Cores {
  const note = h('p', { class: 'cores-note number' });
  let circles: readonly SVGCircleElement[] = [];

  return {
    note,
    isRegional: (entries) => entries.some(({ policy }) => policy === 'endpoints' || policy === 'race'),
    draw() {
      circles = regions.map((region) => {
        const [dx, dy] = regionPlaces[region];
        return s('circle', { cx: drawing.x + dx, cy: drawing.y + dy, r: 12 });
      });
      return s(
        'g',
        { class: 'cores' },
        s('circle', { class: 'cores-ground', cx: drawing.x, cy: drawing.y, r: drawing.core }),
        ...regions.map((region, i) => {
          const [dx, dy] = regionPlaces[region];
          return s('g', {}, circles[i]!, s('text', { x: drawing.x + dx, y: drawing.y + dy + 3 }, region));
        }),
      );
    },
    tick() {
      if (!circles[0]?.isConnected) return write(note, '');
      const counts = countsOf(session.calls());
      const ejected = session.state().endpoints.filter(({ state }) => state === 'ejected');
      const sent = regions.reduce((sum, region) => sum + counts[region].sent, 0);
      const words = regions.map((region, i) => {
        const { sent: own, failed } = counts[region];
        const isEjected = ejected.some(({ url }) => url.endsWith(`/${region}`));
        set(circles[i]!, { class: isEjected ? 'ejected' : own > 0 && failed / own >= 0.5 ? 'failing' : undefined });
        return `${region} ${percent(sent === 0 ? undefined : own / sent)}${isEjected ? ', ejected' : ''}`;
      });
      write(note, words.join(' · '));
    },
  };
}

type Counts = Record<Region, { sent: number; failed: number }>;

/** The requests of these calls, by region. */
export function countsOf(calls: readonly CallRecord[]): Counts {
  const counts: Counts = { eu: { sent: 0, failed: 0 }, us: { sent: 0, failed: 0 }, ap: { sent: 0, failed: 0 } };
  for (const { attempts } of calls) {
    for (const { region, outcome } of attempts) {
      counts[region].sent += 1;
      if (outcome === 'broken' || outcome === 'error status' || outcome === 'timed out') counts[region].failed += 1;
    }
  }
  return counts;
}
