/**
 * The flaky API server: a real HTTP server whose faults are drawn from a seed.
 *
 *   any  /api/...     the API, described in network/api.ts
 *   GET  /control     the settings; PUT merges any part of them, or a { preset }, over the current settings
 *   GET  /presets     the presets
 *   GET  /stats       requests and outcomes of each lane; DELETE resets all lanes: their counts and sequences of fates
 *   GET  /payments    the orders, and how often each was executed; DELETE removes them
 *   GET  /doors       the additional ports that serve the same
 *   GET  /...         the page, if it has been built
 *
 * With `?visit=<name>`, /api, /control and /stats are those of one visit of the page.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { memory } from 'kyoa';
import { createApi } from '../network/api.ts';
import type { Api, Stats } from '../network/api.ts';
import { createLedger } from '../network/ledger.ts';
import type { Payment } from '../network/ledger.ts';
import { presets } from '../network/presets.ts';
import type { Reply } from '../network/reply.ts';
import { isSettingError } from '../network/settings.ts';
import type { Patch, Settings } from '../network/settings.ts';
import { meet } from './meet.ts';
import type { Site } from './site.ts';
import { createVisits } from './visits.ts';
import { preflight, readJson, send } from './send.ts';

export interface FlakyOptions {
  readonly settings: Settings;
  /** 0 selects any free port. @default 0 */
  readonly port?: number;
  /** The number of additional ports that serve the same. Browsers open only six connections to each port. @default 0 */
  readonly doors?: number;
  /** The page to serve in addition to the API. */
  readonly site?: Site;
}

export interface Flaky {
  /** Without a slash at its end. */
  readonly url: string;
  readonly settings: () => Settings;
  readonly change: (patch: Patch) => void;
  readonly stats: () => Stats;
  readonly payments: () => Promise<readonly Payment[]>;
  /** Closes every connection, including those that wait for a response. */
  readonly close: () => Promise<void>;
}

export async function startFlaky({ settings, port = 0, doors = 0, site }: FlakyOptions): Promise<Flaky> {
  const ledger = createLedger(memory());
  const own = createApi(settings, ledger);
  const visits = createVisits(own, ledger);

  const listen = (req: IncomingMessage, res: ServerResponse): void => {
    route(req, res).catch((error: unknown) => {
      if (res.headersSent || req.socket.destroyed) return; // the client disconnected while the request was read
      send(res, { status: 500, body: { error: String(error) } });
    });
  };
  const front = await open(listen, port);
  const others = await Promise.all(Array.from({ length: doors }, () => open(listen, 0)));

  async function route(req: IncomingMessage, res: ServerResponse): Promise<void> {
    if (req.method === 'OPTIONS') return send(res, preflight(req));

    const url = new URL(req.url ?? '/', 'http://localhost');
    const api = visits.of(url);
    const visit = api.receive({
      method: req.method ?? 'GET',
      url,
      header: (name) => req.headers[name]?.toString(),
      body: () => readJson(req),
    });
    if (visit !== undefined) {
      const { lane, fate, reply, settings } = visit;
      return lane.count(await meet(fate, await reply, settings, res));
    }
    const reply = await page(req, url.pathname, api);
    if (reply !== undefined) return send(res, reply);
    if (site === undefined || !site.serve(req, res)) {
      send(res, {
        status: 404,
        body: { error: 'The paths are /api/..., /control, /presets, /stats, /payments and /doors' },
      });
    }
  }

  async function page(req: IncomingMessage, pathname: string, api: Api): Promise<Reply | undefined> {
    switch (`${req.method} ${pathname}`) {
      case 'GET /control':
        return { status: 200, body: api.settings() };
      case 'PUT /control':
        return control(api, await readJson(req));
      case 'GET /presets':
        return { status: 200, body: presets };
      case 'GET /stats':
        return { status: 200, body: api.stats() };
      case 'DELETE /stats':
        api.forget();
        return { status: 204 };
      case 'GET /payments':
        return { status: 200, body: await ledger.list() };
      case 'DELETE /payments':
        await ledger.clear();
        return { status: 204 };
      case 'GET /doors':
        return { status: 200, body: { ports: others.map(portOf) } };
      default:
        return undefined;
    }
  }

  function control(api: Api, patch: unknown): Reply {
    try {
      api.change(patch);
      return { status: 200, body: api.settings() };
    } catch (error) {
      if (!isSettingError(error)) throw error;
      return { status: 400, body: { field: error.field, error: error.message } };
    }
  }

  return {
    url: `http://127.0.0.1:${portOf(front)}`,
    settings: own.settings,
    change: own.change,
    stats: own.stats,
    payments: () => ledger.list(),
    async close() {
      await Promise.all([front, ...others].map(shut));
    },
  };
}

async function open(listen: (req: IncomingMessage, res: ServerResponse) => void, port: number): Promise<Server> {
  const server = createServer(listen);
  server.keepAliveTimeout = 60_000; // closing an idle connection could reset a request, which no seed would reproduce
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

function shut(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The server does not listen on a port');
  return address.port;
}
