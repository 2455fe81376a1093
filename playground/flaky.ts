/**
 * The flaky API server: a real HTTP server whose every mishap is drawn from a seed.
 *
 *   any  /api/...     an answer, if fate allows; /plain/api/... and /kyoa/api/... are lanes of their own
 *   POST /api/pay     { order }: executed once per Idempotency-Key; without a key, each time it arrives
 *   GET  /control     the settings; PUT lays any part of them, or a { preset }, over the current ones
 *   GET  /presets     the settings that have a name
 *   GET  /stats       requests, outcomes and executions of each lane
 *
 * DELETE /stats, and a PUT that names a seed, start every lane afresh: its counts and its script.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { isExecuted } from './fate.ts';
import { createLane } from './lane.ts';
import type { Lane, LaneStats } from './lane.ts';
import { meet } from './meet.ts';
import { pay } from './pay.ts';
import { grant, presets } from './presets.ts';
import { preflight, readJson, send } from './reply.ts';
import type { Reply } from './reply.ts';
import { isSettingError } from './settings.ts';
import type { Patch, Settings } from './settings.ts';

export interface FlakyOptions {
  readonly settings: Settings;
  /** 0, the default, takes any free port. */
  readonly port?: number;
}

export interface Flaky {
  /** Without a slash at its end. */
  readonly url: string;
  readonly settings: () => Settings;
  readonly change: (patch: Patch) => void;
  readonly stats: () => Stats;
  /** Ends every connection, also those that wait for an answer. */
  readonly close: () => Promise<void>;
}

export type Stats = Readonly<Record<string, LaneStats>>;

export async function startFlaky({ settings: initial, port = 0 }: FlakyOptions): Promise<Flaky> {
  let settings = initial;
  const lanes = new Map<string, Lane>();

  const server = createServer((req, res) => {
    route(req, res).catch((error: unknown) => {
      if (res.headersSent || req.socket.destroyed) return; // its caller left while it was being read
      send(res, { status: 500, body: { error: String(error) } });
    });
  });
  server.keepAliveTimeout = 60_000; // a connection closed for being idle would be chance without a seed
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');

  async function route(req: IncomingMessage, res: ServerResponse): Promise<void> {
    if (req.method === 'OPTIONS') return send(res, preflight(req));

    const { pathname, searchParams } = new URL(req.url ?? '/', 'http://localhost');
    const [, name = 'direct', path] = /^(?:\/(\w+))?\/api\/(.*)$/.exec(pathname) ?? [];
    if (path === undefined) return send(res, await page(req, pathname));

    const road = lane(name);
    const weather = settings;
    const fate = road.arrive(weather);
    const isPayment = req.method === 'POST' && path === 'pay';
    const reply = isPayment
      ? pay(road, req, await readJson(req), isExecuted(fate))
      : { status: 200, body: { lane: name, path, ...Object.fromEntries(searchParams) } };
    road.count(await meet(fate, reply, weather, res));
  }

  async function page(req: IncomingMessage, pathname: string): Promise<Reply> {
    switch (`${req.method} ${pathname}`) {
      case 'GET /control':
        return { status: 200, body: settings };
      case 'PUT /control':
        return control(await readJson(req));
      case 'GET /presets':
        return { status: 200, body: presets };
      case 'GET /stats':
        return { status: 200, body: stats() };
      case 'DELETE /stats':
        lanes.clear();
        return { status: 204 };
      default:
        return { status: 404, body: { error: 'There are /api/..., /control, /presets and /stats' } };
    }
  }

  function control(wish: unknown): Reply {
    try {
      change(wish);
      return { status: 200, body: settings };
    } catch (error) {
      if (!isSettingError(error)) throw error;
      return { status: 400, body: { field: error.field, error: error.message } };
    }
  }

  function change(wish: unknown): void {
    settings = grant(settings, wish);
    if (Object.hasOwn(Object(wish), 'seed')) lanes.clear();
  }

  function lane(name: string): Lane {
    const known = lanes.get(name) ?? createLane(settings.seed);
    lanes.set(name, known);
    return known;
  }

  function stats(): Stats {
    return Object.fromEntries([...lanes].map(([name, each]) => [name, each.stats()]));
  }

  return {
    url: `http://127.0.0.1:${portOf(server)}`,
    settings: () => settings,
    change,
    stats,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The server listens on no port');
  return address.port;
}
