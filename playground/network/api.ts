/**
 * The API behind every network, whatever carries its requests: the weather, the lanes, and what becomes of a request.
 *
 *   any  /api/...     an answer, if fate allows; /plain/api/... and /kyoa/api/... are lanes of their own,
 *                     /eu/kyoa/api/... and so on are regions, each with a weather of its own
 *   POST /api/pay     { order }: executed once per Idempotency-Key; without a key, each time it arrives
 */
import { isExecuted } from './fate.ts';
import type { Fate } from './fate.ts';
import { createLane } from './lane.ts';
import type { Lane, LaneStats } from './lane.ts';
import type { Ledger } from './ledger.ts';
import { pay } from './pay.ts';
import { grant } from './presets.ts';
import { regions } from './regions.ts';
import type { Region } from './regions.ts';
import type { Reply } from './reply.ts';
import { weatherIn } from './settings.ts';
import type { Settings } from './settings.ts';

export interface Arriving {
  readonly method: string;
  readonly url: URL;
  /** The Idempotency-Key. */
  readonly key: string | undefined;
  /** The body as JSON, undefined if it is none; asked for only where one is expected. */
  readonly body: () => Promise<unknown>;
}

/** A request that has arrived: its fate, and the answer that it gets if that is its fate. */
export interface Visit {
  readonly lane: Lane;
  readonly fate: Fate;
  readonly weather: Settings;
  readonly reply: Reply | Promise<Reply>;
}

export type Stats = Readonly<Record<string, LaneStats>>;

export interface Api {
  readonly settings: () => Settings;
  /** Any part of the settings, or a `{ preset }`; a seed starts every lane afresh. Throws a `SettingError`. */
  readonly change: (wish: unknown) => void;
  readonly stats: () => Stats;
  /** Starts every lane afresh: its counts and its script. */
  readonly forget: () => void;
  /** undefined for a path that is not the API's. Draws the fate at once, in the order of arrival. */
  readonly receive: (request: Arriving) => Visit | undefined;
}

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
    change(wish) {
      settings = grant(settings, wish);
      if (Object.hasOwn(Object(wish), 'seed')) lanes.clear();
    },
    stats: () => Object.fromEntries([...lanes].map(([name, lane]) => [name, lane.stats()])),
    forget: () => lanes.clear(),
    receive({ method, url: { pathname, searchParams }, key, body }) {
      const [, region = regions[0], name = 'direct', resource] = path.exec(pathname) ?? [];
      if (resource === undefined) return undefined;

      const lane = laneOf(name);
      const weather = weatherIn(settings, region as Region);
      const fate = lane.arrive(weather);
      const reply =
        method === 'POST' && resource === 'pay'
          ? body().then((content) => pay(ledger, { lane: name, key, body: content, executed: isExecuted(fate) }))
          : { status: 200, body: { lane: name, region, path: resource, ...Object.fromEntries(searchParams) } };
      return { lane, fate, weather, reply };
    },
  };
}
