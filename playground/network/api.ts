/**
 * The API that the flaky server and the simulated network share. It keeps the settings and the lanes, and decides the
 * fate of each request.
 *
 *   any  /api/...     a 200, or the fault that was drawn for the request. /plain/api/... and /kyoa/api/... are separate
 *                     lanes; /eu/kyoa/api/... and so on are regions with separate settings
 *   GET  /api/picture/<number>: a picture, or a range of it
 *   GET  /api/search  ?q=text: { results }
 *   POST /api/pay     { order }: executed once per Idempotency-Key; without a key, executed each time it arrives
 */
import { isExecuted } from './fate.ts';
import type { Fate } from './fate.ts';
import { createLane } from './lane.ts';
import type { Lane, LaneStats } from './lane.ts';
import type { Ledger } from './ledger.ts';
import { pay } from './pay.ts';
import { picture } from './picture.ts';
import { grant } from './presets.ts';
import { regions } from './regions.ts';
import type { Region } from './regions.ts';
import type { Reply } from './reply.ts';
import { search } from './search.ts';
import { settingsIn } from './settings.ts';
import type { Settings } from './settings.ts';

export interface Arriving {
  readonly method: string;
  readonly url: URL;
  /** The value of a header, by its name in lower case. */
  readonly header: (name: string) => string | undefined;
  /** Parses the body as JSON; `undefined` if it is not JSON. Called only for requests that need a body. */
  readonly body: () => Promise<unknown>;
}

/** A request that was received, with its fate. `reply` is sent only if the fate is `answered` or `cut`. */
export interface Visit {
  readonly lane: Lane;
  readonly fate: Fate;
  /** The settings of the request's region. */
  readonly settings: Settings;
  readonly reply: Reply | Promise<Reply>;
}

export type Stats = Readonly<Record<string, LaneStats>>;

export interface Api {
  readonly settings: () => Settings;
  /** Accepts any part of the settings, or a `{ preset }`. A seed resets all lanes. Throws a `SettingError`. */
  readonly change: (patch: unknown) => void;
  readonly stats: () => Stats;
  /** Resets all lanes: their counts, and their sequences of fates. */
  readonly forget: () => void;
  /** Returns `undefined` for a path outside the API. Draws the fate synchronously, so in the order of arrival. */
  readonly receive: (request: Arriving) => Visit | undefined;
}

/** A browser does not use the response again by itself, but `staleIfError` may. */
const storable = { 'cache-control': 'max-age=0' };

const path = new RegExp(`^(?:/(${regions.join('|')}))?(?:/(\\w+))?/api/(.*)$`);

export function createApi(initial: Settings, ledger: Ledger): Api {
  let settings = initial;
  const lanes = new Map<string, Lane>();

  function laneOf(name: string): Lane {
    const known = lanes.get(name) ?? createLane(settings.seed);
    lanes.set(name, known);
    return known;
  }

  return {
    settings: () => settings,
    change(patch) {
      settings = grant(settings, patch);
      if (Object.hasOwn(Object(patch), 'seed')) lanes.clear();
    },
    stats: () => Object.fromEntries([...lanes].map(([name, lane]) => [name, lane.stats()])),
    forget: () => lanes.clear(),
    receive({ method, url: { pathname, searchParams }, header, body }) {
      const [, region = regions[0], name = 'direct', resource] = path.exec(pathname) ?? [];
      if (resource === undefined) return undefined;

      const lane = laneOf(name);
      const regional = settingsIn(settings, region as Region);
      const isFull = regional.capacity > 0 && lane.busy() >= regional.capacity;
      const drawn = lane.arrive(regional);
      const fate: Fate = isFull ? { outcome: 'failed', delay: 0, status: 503 } : drawn;
      const reply = (): Reply | Promise<Reply> => {
        if (method === 'POST' && resource === 'pay') {
          const key = header('idempotency-key');
          return body().then((content) => pay(ledger, { lane: name, key, body: content, executed: isExecuted(fate) }));
        }
        const [, number] = /^picture\/(\d+)$/.exec(resource) ?? [];
        if (number !== undefined) return picture(number, { range: header('range'), ifRange: header('if-range') });
        return {
          status: 200,
          ...(regional.storable && { headers: storable }),
          body: {
            lane: name,
            region,
            path: resource,
            ...Object.fromEntries(searchParams),
            ...(resource === 'search' && { results: search(searchParams.get('q') ?? '') }),
          },
        };
      };
      return { lane, fate, settings: regional, reply: reply() };
    },
  };
}
