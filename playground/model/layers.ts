/** Counts the calls that enter and leave each policy, with a middleware between every two policies. */
import type { Middleware } from 'kyoa';
import type { LayerCounts } from './types.ts';

export interface LayerCounter {
  /** The middleware to place directly outside the layer with this id. */
  readonly before: (id: string) => Middleware;
  /** The counts of these layers, outermost first; the last id is that of the network. */
  readonly read: (ids: readonly string[]) => readonly LayerCounts[];
}

interface Counts {
  entered: number;
  answered: number;
  failed: number;
}

export function createLayerCounter(): LayerCounter {
  const byId = new Map<string, Counts>();
  const of = (id: string): Counts => {
    const counts = byId.get(id) ?? { entered: 0, answered: 0, failed: 0 };
    byId.set(id, counts);
    return counts;
  };

  return {
    before(id) {
      const counts = of(id);
      return async function layer(_ctx, next) {
        counts.entered += 1;
        try {
          const response = await next();
          if (response.ok) counts.answered += 1;
          else counts.failed += 1;
          return response;
        } catch (error) {
          counts.failed += 1;
          throw error;
        }
      };
    },
    read: (ids) =>
      ids.map((entry, i) => {
        const { entered, answered, failed } = of(entry);
        const next = ids[i + 1];
        const sent = next === undefined ? entered : of(next).entered;
        return { entry, entered, answered, failed, inside: entered - answered - failed, sent };
      }),
  };
}
