/**
 * The example that `bench/proof-alerts.ts` watches: a shop with five upstreams, calls to them through kyoa at a steady
 * rate, the metrics of kyoa/prometheus, and a fault for each alert that can be switched on and off.
 */
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import { Registry } from 'prom-client';
import { Agent, fetch as undiciFetch, Pool } from 'undici';

import { prometheus, type PoolStats } from '../../adapters/telemetry/prometheus.ts';
import {
  breaker,
  budget,
  constant,
  createFetch,
  dedupe,
  hedge,
  retry,
  timeout,
  type CallOptions,
  type Fetch,
  type KyoaFetch,
} from '../../src/index.ts';

export type Fault = 'slow' | 'failing' | 'flaky' | 'down' | 'holding';

export interface Plant extends AsyncDisposable {
  /** host:port of the metrics. */
  readonly target: string;
  readonly registry: Registry;
  /** The origin of a fault's upstream. */
  readonly originOf: (fault: Fault) => string;
  readonly start: (fault: Fault) => void;
  /** Resolves when nothing of it is under way any more. */
  readonly stop: (fault: Fault) => Promise<void>;
}

/** Loopback has room for an upstream each, so that each has a `server_address` of its own. */
const hosts: Record<Fault, string> = {
  slow: '127.0.0.2',
  failing: '127.0.0.3',
  flaky: '127.0.0.6',
  down: '127.0.0.4',
  holding: '127.0.0.5',
};
const faults = Object.keys(hosts) as Fault[];

/** Between calls to an upstream, ms. */
const pace = 25;
/** Above the second that KyoaSlow allows, ms. */
const slow = 1_300;
const connections = 5;
/** One more than the ten that may wait, beyond those that hold a connection. */
const held = connections + 11;

export async function plant(): Promise<Plant> {
  const on = new Set<Fault>();
  const turns = { failing: 0, flaky: 0 };
  const servers = new Map<Fault, Server>();
  const holding = new Set<() => void>();
  const listeners: Record<Fault, RequestListener> = {
    slow: (_, answer) => void setTimeout(() => answer.end('{}'), on.has('slow') ? slow : 0),
    failing: (_, answer) => {
      turns.failing += 1;
      answer.writeHead(on.has('failing') && turns.failing % 10 === 0 ? 500 : 200).end('{}');
    },
    // Less than opens a circuit, more than the budget mends.
    flaky: (_, answer) => {
      turns.flaky += 1;
      answer.writeHead(on.has('flaky') && turns.flaky % 5 < 2 ? 503 : 200).end('{}');
    },
    down: (_, answer) => void answer.writeHead(on.has('down') ? 503 : 200).end('{}'),
    // The headers at once, the body when the fault is over.
    holding: ({ url }, answer) => {
      if (url === '/hold') {
        answer.flushHeaders();
        holding.add(() => answer.end('{}'));
      } else answer.end('{}');
    },
  };
  for (const fault of faults) servers.set(fault, await listen(listeners[fault], hosts[fault]));
  const originOf = (fault: Fault): string => {
    return `http://${hosts[fault]}:${(servers.get(fault)!.address() as AddressInfo).port}`;
  };

  const pools = pooled(connections);
  const registry = new Registry();
  const told = prometheus({ registry, pools: { stats: pools.stats, connections } });
  const fetch = createFetch({
    use: [
      told,
      timeout(60_000),
      dedupe(),
      // Of a small shop, so small that a flaky upstream exhausts it.
      retry({ retries: 2, backoff: constant(10), statuses: [503], budget: budget({ ratio: 0.02, floor: 0 }) }),
      hedge({ delay: slow / 2 }),
      breaker({ cooldown: 200, volume: 10, window: 2_000 }),
    ],
    fetch: pools.fetch,
  });
  // A hedge would mend what is to fail.
  const traffic = faults.map((fault) => call(fetch, `${originOf(fault)}/`, { hedge: fault === 'slow' }));
  const metrics = await listen((_, answer) => {
    void registry.metrics().then((text) => answer.setHeader('content-type', registry.contentType).end(text));
  }, '127.0.0.1');
  let held: Promise<unknown> = Promise.resolve();

  return {
    target: `127.0.0.1:${(metrics.address() as AddressInfo).port}`,
    registry,
    originOf,
    start(fault) {
      on.add(fault);
      if (fault === 'holding') held = hold(fetch, `${originOf('holding')}/hold`);
    },
    async stop(fault) {
      on.delete(fault);
      if (fault !== 'holding') return;
      const release = setInterval(() => {
        for (const answer of holding) answer();
        holding.clear();
      }, pace);
      await held;
      clearInterval(release);
    },
    async [Symbol.asyncDispose]() {
      for (const timer of traffic) clearInterval(timer);
      await pools.close();
      for (const server of [...servers.values(), metrics]) {
        server.close();
        server.closeAllConnections();
      }
    },
  };
}

function call(fetch: KyoaFetch, url: string, options: CallOptions): NodeJS.Timeout {
  return setInterval(() => {
    // Whatever comes of it is in the metrics.
    fetch(url, { dedupe: false, ...options })
      .then((response) => response.text())
      .catch(() => {});
  }, pace);
}

/** Takes all connections and leaves some requests waiting. */
function hold(fetch: KyoaFetch, url: string): Promise<unknown> {
  const one = async (): Promise<string> =>
    (await fetch(url, { dedupe: false, hedge: false, breaker: false, timeout: false })).text();
  return Promise.allSettled(Array.from({ length: held }, one));
}

/** A fetch over undici's pools that knows of each what there is to know. */
function pooled(connections: number) {
  const pools = new Map<string, Pool>();
  const holds = new Map<string, Set<number>>();
  const agent = new Agent({
    factory(origin) {
      const pool = new Pool(origin, { connections, keepAliveTimeout: 60_000 });
      pools.set(String(origin), pool);
      return pool;
    },
  });
  const fetch: Fetch = async (input, init) => {
    const { url } = input as Request;
    const { origin } = new URL(url);
    const mine = holds.get(origin) ?? new Set();
    holds.set(origin, mine);
    const response = await undiciFetch(url, { signal: init!.signal!, dispatcher: agent });
    const since = performance.now();
    mine.add(since);
    const text = response.text().finally(() => mine.delete(since));
    return new Response(await text, { status: response.status });
  };
  const statsOf = (origin: string, { stats }: Pool): PoolStats => ({
    connected: stats.connected,
    running: stats.running,
    queued: stats.queued,
    longestHold: performance.now() - Math.min(performance.now(), ...(holds.get(origin) ?? [])),
  });
  return {
    fetch,
    stats: () => Object.fromEntries(Array.from(pools, ([origin, pool]) => [origin, statsOf(origin, pool)])),
    close: () => agent.destroy(),
  };
}

async function listen(listener: RequestListener, host: string): Promise<Server> {
  const server = createServer(listener).listen(0, host);
  await once(server, 'listening');
  return server;
}
