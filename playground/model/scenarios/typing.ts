import { scenario, total } from './scenario.ts';
import type { Aim, Scenario } from '../types.ts';

/** So many searches were replaced by newer ones. */
function replaced(least: number): Aim {
  return {
    title: `At least ${least} searches are replaced by newer ones`,
    isLasting: true,
    read(session) {
      const { replaced } = session.measures('kyoa');
      return { value: String(replaced), isReached: replaced >= least };
    },
  };
}

export const typing: Scenario = scenario(
  {
    id: 'typing',
    title: 'Search as you type',
    about: 'Each key sends a search, and responses come in any order. Only the newest matters.',
  },
  [
    {
      title: 'Late results',
      watch: 'search',
      layers: [total],
      preset: 'steady',
      rate: 2,
      settings: { latency: { median: 500, sigma: 1 } },
      text: [
        'Type into the box, or let the page type. The latencies are uneven, so an older search may end last, and its results',
        'then replace those of the whole word. Try it a few times.',
      ],
    },
    {
      title: 'Only the latest',
      watch: 'search',
      layers: [total, ['latest']],
      text: [
        'With latest, a newer search replaces the older ones at once: their requests are aborted, and no late response can',
        'arrive. Plain fetch beside it still shows what comes last.',
      ],
    },
    {
      title: 'Your turn',
      watch: 'search',
      layers: [total],
      text: ['The onion has lost latest. Add it again, and type a word.'],
      goal: [replaced(5)],
    },
  ],
);
