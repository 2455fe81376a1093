/** Further lanes with stacks of their own, for a scenario that shows several stacks side by side. */
import { byRequest } from 'kyoa';
import type { Middleware } from 'kyoa';
import type { Fetch } from '../network/simulated-fetch.ts';
import type { Clock } from './clock.ts';
import { countedBy, createLane } from './lane.ts';
import type { Lane } from './lane.ts';
import { createBuilder } from './stack.ts';
import type { Builder } from './stack.ts';
import type { Rival } from './types.ts';

export interface Rivals {
  /** Starts the figures of all rivals again. A rival whose stack does not change keeps the state of its policies. */
  use(rivals: readonly Rival[]): void;
  /** Makes the same call through every rival. */
  call(path: string): void;
  lane(id: string): Lane | undefined;
  /** Aborts the calls that are running. */
  leave(): void;
  close(): Promise<void>;
}

export interface RivalsOptions {
  readonly clock: Clock;
  readonly origin: string;
  readonly fetchOf: (...use: readonly Middleware[]) => Fetch;
}

interface Runner {
  readonly lane: Lane;
  readonly builder: Builder;
  fetch: Fetch;
}

export function createRivals({ clock, origin, fetchOf }: RivalsOptions): Rivals {
  const known = new Map<string, Runner>();
  let running: readonly string[] = [];

  function runnerOf(id: string): Runner {
    const builder = createBuilder({ origin, onLimit() {} });
    const runner = known.get(id) ?? { lane: createLane(clock.now), builder, fetch: fetchOf() };
    known.set(id, runner);
    return runner;
  }

  return {
    use(rivals) {
      running = rivals.map(({ id }) => id);
      for (const { id, stack } of rivals) {
        const runner = runnerOf(id);
        const policies = runner.builder.build(stack).layers.map(({ policy }) => policy);
        runner.lane.restart();
        runner.fetch = fetchOf(...policies, countedBy(runner.lane));
      }
    },
    call(path) {
      for (const id of running) {
        const { lane, fetch } = known.get(id)!;
        void clock.during(() =>
          lane.call(fetch, `${origin}/${id}/api/${path}`, { dedupe: { key: byRequest } } as RequestInit),
        );
      }
    },
    lane: (id) => known.get(id)?.lane,
    leave() {
      for (const { lane } of known.values()) lane.leave();
    },
    async close() {
      await Promise.all([...known.values()].map(({ builder }) => builder.close()));
    },
  };
}
