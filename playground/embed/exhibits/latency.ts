/** Exhibits of slow responses: timeout, hedge, race, latest. */
import { count } from '../../page/format.ts';
import { layer } from '../exhibit.ts';
import type { Exhibit, LaneView } from '../exhibit.ts';
import { longestWait, p50, p95, perCall, waiting } from '../figures.ts';
import { option, setting } from '../knobs.ts';

export const timeout = (): Exhibit => ({
  title: 'timeout',
  about:
    'One request in eight gets no response at all. Plain fetch waits for it until the caller gives up after 5 s; with ' +
    'timeout the caller knows after the limit, and the connection is free again.',
  weather: { latency: { median: 160, sigma: 0.5 } },
  rate: 5,
  without: {},
  with: { stack: [layer('timeout')] },
  knobs: [
    option('timeout', 'total', 800, [100, 3_000, 50], { label: 'Limit' }),
    setting('stalls', 0.12, [0, 0.5, 0.01]),
  ],
  figures: [longestWait, waiting],
  legend: ['answered', 'timed out'],
});

export const hedge = (): Exhibit => ({
  title: 'hedge',
  about:
    'One response in twelve is twelve times as slow. A request that is slower than most of the earlier ones is sent a ' +
    'second time; the first response wins, and the other copy is cancelled. The delay is learnt from the first calls.',
  weather: { latency: { median: 80, sigma: 0.4, slow: { factor: 12 } } },
  rate: 12,
  without: {},
  with: { stack: [layer('hedge')] },
  knobs: [option('hedge', 'ratio', 0.1, [0.01, 0.3, 0.01]), setting('latency.slow.share', 0.08, [0, 0.3, 0.01])],
  figures: [p50, p95, perCall],
  legend: ['answered', 'cancelled'],
});

export const race = (): Exhibit => ({
  title: 'race',
  about:
    'Three regions respond with very different latencies. race sends each request to all three, takes the first good ' +
    'response, and cancels the others. It is fast, and every call costs three requests.',
  weather: { latency: { median: 300 } },
  rate: 3,
  without: {},
  with: { stack: [layer('race')] },
  knobs: [setting('latency.sigma', 0.8, [0, 1.5, 0.05], { label: 'Spread of the latencies' })],
  figures: [p50, p95, perCall],
  legend: ['answered', 'cancelled'],
});

const text = 'resilient fetch';

export const latest = (): Exhibit => ({
  title: 'latest',
  about:
    'A visitor types into a search box, and each key sends a search. Responses arrive in any order: without latest an ' +
    'old result overwrites a newer one. With it, a newer search cancels the older one.',
  weather: { latency: { median: 260 } },
  rate: 6,
  ask: (n) => ({ path: `search?q=${encodeURIComponent(text.slice(0, (n % text.length) + 1))}` }),
  without: {},
  with: { stack: [layer('latest')] },
  knobs: [
    setting('latency.median', 260, [20, 1_000, 10], { label: 'Latency' }),
    setting('latency.sigma', 0.9, [0, 1.5, 0.05]),
  ],
  figures: [
    { title: 'Old results over newer ones', read: (lane) => count(overtaken(lane)) },
    {
      title: 'Searches cancelled',
      read: ({ ended }) => count(ended().filter(({ marks }) => marks.has('replaced')).length),
    },
  ],
  legend: ['answered', 'cancelled'],
});

/** How many calls got their response after a later call had got its own. */
function overtaken({ ended }: LaneView): number {
  let earliest = Infinity;
  let overtaken = 0;
  // Newest first.
  for (const { outcome, end } of ended()) {
    if (outcome !== 'answered') continue;
    if (end! > earliest) overtaken += 1;
    earliest = Math.min(earliest, end!);
  }
  return overtaken;
}
