/**
 * A server that fails in every way in which a network can fail: raw TCP with just enough HTTP/1.1 to misbehave at any
 * byte. Path and query select the fault (`faults/routes.ts` has them all), so that a page can use the server too. The
 * object has the requests that arrived. `faults` lists the outcome of a plain fetch for each fault.
 */
import { once } from 'node:events';
import net, { type AddressInfo, type Server, type Socket } from 'node:net';
import { forget, later, now } from './faults/clock.ts';
import { serve, type Connection, type Host } from './faults/connection.ts';
import { control, type Outage } from './faults/control.ts';
import type { Recorded, Seen } from './faults/exchange.ts';
import { serveHttp2 } from './faults/http2-connection.ts';
import { listenSecurely, ownCertificate } from './faults/tls.ts';
import { http2Routes } from './faults/http2-routes.ts';
import { earlyRoutes, routes, type Route } from './faults/routes.ts';

export { faults, type Fault, type Kind } from './faults/table.ts';
export { http2Faults } from './faults/http2-routes.ts';
export { outcome, type Origins, type Outcome } from './faults/outcome.ts';
export type { Seen } from './faults/exchange.ts';

export interface FaultServer extends AsyncDisposable {
  readonly port: number;
  /** `http://127.0.0.1:port`, without a slash at the end; `https` for a server of HTTP/2. */
  readonly origin: string;
  /** The certificate of a server of HTTP/2. */
  readonly ca: string;
  /** The origin of a port where no server listens. */
  readonly refused: string;
  /** The origin of a listener that accepts connections and sends no byte of TLS. */
  readonly tlsStall: string;
  /** The origin at which a page reads and changes the server (`faults/control.ts`). */
  readonly control: string;
  url(path: string): string;

  /** Every request since the last `reset()`, without preflights. */
  readonly requests: readonly Seen[];
  readonly last: Seen | undefined;
  /** How many requests arrived for this path, or for this path and query, or in all without an argument. */
  count(path?: string): number;
  /** How many times `/work` was done for this id. */
  executions(id?: string): number;
  /** The requests whose responses the client cut short. */
  readonly aborted: readonly Seen[];
  /** The requests whose responses are in flight. */
  readonly busy: readonly Seen[];
  readonly preflights: number;
  /** The number of connections since the last `reset()`. */
  readonly connections: number;
  /** The number of connections that are open now. */
  readonly open: number;
  /** The number of connections to `tlsStall` that are open now. */
  readonly handshakes: number;

  /** How every request fails at present, except preflights. */
  outage: Outage;
  /** Resolves once the predicate holds. Rejects after `within` ms (5,000) with a list of the requests. */
  until(predicate: (server: FaultServer) => boolean, options?: { within?: number }): Promise<void>;
  /** Forgets all requests and the positions of all scripts. Connections stay open, so the pool of a client is undisturbed. */
  reset(): void;
  close(): Promise<void>;
}

/** A server of HTTP/1.1, or of HTTP/2 over TLS with a certificate of its own. */
export async function faultServer({ http2 = false }: { readonly http2?: boolean } = {}): Promise<FaultServer> {
  let requests: Recorded[] = [];
  let preflights = 0;
  let accepted = 0;
  let acceptedBefore = 0;
  const tallies = new Map<string, number>();
  const connections = new Set<Connection>();
  const handshakes = new Set<Socket>();
  const watchers = new Set<Watcher>();
  let outage: Outage = false;

  const changed = (): void => {
    for (const watcher of watchers) watcher.check();
  };
  const host: Host = {
    routes: http2 ? { ...routes, ...http2Routes } : routes,
    earlyRoutes,
    outage: () => refusal(outage),
    arrived: (seen) => requests.push(seen),
    preflighted: () => preflights++,
    changed,
    counted: (what, key) => {
      const count = (tallies.get(`${what} ${key}`) ?? 0) + 1;
      tallies.set(`${what} ${key}`, count);
      return count;
    },
  };

  const main = http2
    ? await listenSecurely((socket, below) => keep(connections, serveHttp2(socket, below, ++accepted, host)))
    : await listen((socket) => keep(connections, serve(socket, ++accepted, host)));
  const asking = new Set<Connection>();
  const deskHost: Host = { ...host, ...unrecorded, routes: control(() => server) };
  const desk = await listen((socket) => keep(asking, serve(socket, 0, deskHost)));
  const stalling = await listen((socket) => {
    handshakes.add(socket);
    socket.on('error', () => {});
    socket.on('end', () => socket.destroy());
    socket.on('close', () => {
      handshakes.delete(socket);
      changed();
    });
    socket.resume(); // a socket that is not read does not notice that the client leaves
    changed();
  });
  const unused = await deadPort();

  function keep(all: Set<Connection>, connection: Connection): void {
    all.add(connection);
    void connection.closed.then(() => {
      all.delete(connection);
      changed();
    });
    changed();
  }

  const server: FaultServer = {
    port: portOf(main),
    origin: `${http2 ? 'https' : 'http'}://127.0.0.1:${portOf(main)}`,
    ca: http2 ? String(ownCertificate().cert) : '',
    refused: `http://127.0.0.1:${unused.port}`,
    tlsStall: `https://127.0.0.1:${portOf(stalling)}`,
    control: `http://127.0.0.1:${portOf(desk)}`,
    url: (path) => server.origin + path,

    get requests() {
      return requests;
    },
    get last() {
      return requests.at(-1);
    },
    count: (path) => requests.filter((seen) => path === undefined || seen.path === path || seen.url === path).length,
    executions: (id = '') => tallies.get(`execution ${id}`) ?? 0,
    get aborted() {
      return requests.filter(({ state }) => state === 'aborted');
    },
    get busy() {
      return [...connections].flatMap(({ busy }) => busy);
    },
    get preflights() {
      return preflights;
    },
    get connections() {
      return accepted - acceptedBefore;
    },
    get open() {
      return connections.size;
    },
    get handshakes() {
      return handshakes.size;
    },

    get outage() {
      return outage;
    },
    set outage(how) {
      outage = how;
    },

    until(predicate, { within = 5_000 } = {}) {
      return new Promise((resolve, reject) => {
        const settle = (then: () => void): void => {
          watchers.delete(watcher);
          forget(timer);
          then();
        };
        const watcher: Watcher = {
          check: () => {
            try {
              if (predicate(server)) settle(resolve);
            } catch (error) {
              settle(() => reject(error));
            }
          },
          fail: (why) => settle(() => reject(new Error(`${why}: ${String(predicate)}\n${describe(server)}`))),
        };
        const timer = later(() => watcher.fail(`Not within ${within} ms`), within);
        watchers.add(watcher);
        watcher.check();
      });
    },

    reset() {
      requests = [];
      preflights = 0;
      acceptedBefore = accepted;
      outage = false;
      tallies.clear();
      for (const connection of connections) connection.disarm();
      changed();
    },

    async close() {
      for (const watcher of watchers) watcher.fail('The server was closed');
      const closed = [main, desk, stalling].map(async (listener) => {
        listener.close();
        await once(listener, 'close');
      });
      for (const connection of [...connections, ...asking]) connection.destroy();
      for (const socket of handshakes) socket.destroy();
      await Promise.all([...closed, unused.close()]);
    },
    [Symbol.asyncDispose]: () => server.close(),
  };
  return server;
}

interface Watcher {
  check(): void;
  fail(why: string): void;
}

const unrecorded = { earlyRoutes: {}, outage: () => undefined, arrived: () => {}, preflighted: () => {} };

function refusal(outage: Outage): Route | undefined {
  if (outage === false) return undefined;
  if (outage === 'hang') return (x) => x.hang();
  if (typeof outage === 'number') return (x) => x.reply(outage, 'outage');
  return (x) => x.cut(outage === 'fin' ? 'fin' : 'reset');
}

async function listen(connected: (socket: Socket) => void): Promise<Server> {
  const listener = net.createServer(connected).listen(0, '127.0.0.1');
  await once(listener, 'listening');
  return listener;
}

/** A port where no server listens or will listen: the near end of a connection that stays open. */
async function deadPort(): Promise<{ port: number; close(): Promise<void> }> {
  const holder = net.createServer().listen(0, '127.0.0.1');
  await once(holder, 'listening');
  const near = net.connect(portOf(holder), '127.0.0.1');
  const [far] = (await once(holder, 'connection')) as [Socket];
  return {
    port: near.localPort ?? 0,
    async close() {
      near.destroy();
      far.destroy();
      holder.close();
      await once(holder, 'close');
    },
  };
}

function portOf(listener: Server): number {
  return (listener.address() as AddressInfo).port;
}

/** What was seen, a line for every request: for the messages of waits that were in vain. */
function describe(server: FaultServer): string {
  const lines = server.requests.map(({ method, url, connection, nth, state, body, abortedAfter, at }) => {
    const when =
      abortedAfter === undefined ? `${Math.round(now() - at)} ms ago` : `after ${Math.round(abortedAfter)} ms`;
    return `  ${connection}.${nth} ${method} ${url} (${body.length} bytes): ${state} ${when}`;
  });
  const { connections, open, handshakes, preflights } = server;
  return [
    `${lines.length} requests, ${preflights} preflights, ${connections} connections, ${open} open, ${handshakes} handshakes`,
    ...lines,
  ].join('\n');
}
