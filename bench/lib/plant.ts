/**
 * The example that `bench/proof-alerts.ts` monitors: a shop that calls five upstreams through kyoa at a steady rate and
 * exports the metrics of `kyoa/prometheus`. Each upstream has a fault that can be switched on and off, and that must
 * trigger certain alerts.
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
  /** The host and port of the metrics endpoint. */
  readonly target: string;
  readonly registry: Registry;
  /** The origin of the upstream with this fault. */
  readonly originOf: (fault: Fault) => string;
  readonly start: (fault: Fault) => void;
  /** Resolves when all requests that the fault held up have ended. */
  readonly stop: (fault: Fault) => Promise<void>;
}

/** Each upstream has a loopback address of its own, and so a `server_address` label of its own. */
const hosts: Record<Fault, string> = {
  slow: '127.0.0.2',
  failing: '127.0.0.3',
  flaky: '127.0.0.6',
  down: '127.0.0.4',
  holding: '127.0.0.5',
};
const faults = Object.keys(hosts) as Fault[];

/** The interval between calls to an upstream, ms. */
const pace = 25;
/** The latency of the slow upstream, ms: more than the second that KyoaSlow allows. */
const slow = 1_300;
const connections = 5;
/** A request for each connection, and one more than the ten that KyoaPoolWaiting allows to wait. */
const held = connections + 11;

export async function plant(): Promise<Plant> {
  const on = new Set<Fault>();
  const turns = { failing: 0, flaky: 0 };
  const servers = new Map<Fault, Server>();
  const holding = new Set<() => void>();
  const listeners: Record<Fault, RequestListener> = {
    slow: (_, response) => void setTimeout(() => response.end('{}'), on.has('slow') ? slow : 0),
    failing: (_, response) => {
      turns.failing += 1;
      response.writeHead(on.has('failing') && turns.failing % 10 === 0 ? 500 : 200).end('{}');
    },
    // Too few errors to open the circuit, and more than the retry budget can cover.
    flaky: (_, response) => {
      turns.flaky += 1;
      response.writeHead(on.has('flaky') && turns.flaky % 5 < 2 ? 503 : 200).end('{}');
    },
    down: (_, response) => void response.writeHead(on.has('down') ? 503 : 200).end('{}'),
    // Sends the headers at once, and the body when the fault is over.
    holding: ({ url }, response) => {
      if (url === '/hold') {
        response.flushHeaders();
        holding.add(() => response.end('{}'));
      } else response.end('{}');
    },
  };
  for (const fault of faults) servers.set(fault, await listen(listeners[fault], hosts[fault]));
  const originOf = (fault: Fault): string => {
    return `http://${hosts[fault]}:${(servers.get(fault)!.address() as AddressInfo).port}`;
  };

  const pools = pooled(connections);
  const registry = new Registry();
  const exporter = prometheus({ registry, pools: { stats: pools.stats, connections } });
  const fetch = createFetch({
    use: [
      exporter,
      timeout(60_000),
      dedupe(),
      // The budget is so small that the flaky upstream exhausts it.
      retry({ retries: 2, backoff: constant(10), statuses: [503], budget: budget({ ratio: 0.02, floor: 0 }) }),
      hedge({ delay: slow / 2 }),
      breaker({ cooldown: 200, volume: 10, window: 2_000 }),
    ],
    fetch: pools.fetch,
  });
  // A hedged copy would succeed where the fault must cause an error, so only the slow upstream has hedging.
  const traffic = faults.map((fault) => call(fetch, `${originOf(fault)}/`, { hedge: fault === 'slow' }));
  const metrics = await listen((_, response) => {
    void registry.metrics().then((text) => response.setHeader('content-type', registry.contentType).end(text));
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
        for (const sendBody of holding) sendBody();
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
    // The result is only in the metrics.
    fetch(url, { dedupe: false, ...options })
      .then((response) => response.text())
      .catch(() => {});
  }, pace);
}

/** Occupies all connections and leaves further requests waiting for one. */
function hold(fetch: KyoaFetch, url: string): Promise<unknown> {
  const one = async (): Promise<string> =>
    (await fetch(url, { dedupe: false, hedge: false, breaker: false, timeout: false })).text();
  return Promise.allSettled(Array.from({ length: held }, one));
}

/** A fetch over undici's pools, with the statistics of each pool. */
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
    const url = input instanceof Request ? input.url : String(input);
    const { origin } = new URL(url);
    const mine = holds.get(origin) ?? new Set();
    holds.set(origin, mine);
    const response = await undiciFetch(url, { signal: init?.signal ?? null, dispatcher: agent });
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
