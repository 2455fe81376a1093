/** One connection, which receives requests and sends responses until either side ends it. */
import type { Socket } from 'node:net';
import { http1Responder } from './http1-responder.ts';
import { now } from './clock.ts';
import { exchange, record, type Cut, type Exchange, type Recorded } from './exchange.ts';
import type { Route, Routes } from './routes.ts';
import { readWire, type Head } from './wire.ts';

export interface Host {
  readonly routes: Routes;
  /** Routes that do not wait for the body of the request. */
  readonly earlyRoutes: Routes;
  /** The route that replaces every route at present. */
  readonly outage: () => Route | undefined;
  /** Called with every request except preflights. */
  readonly arrived: (seen: Recorded) => void;
  readonly preflighted: () => void;
  /** Called when a value that a predicate may read has changed. */
  readonly changed: () => void;
  readonly counted: (what: 'turn' | 'execution', key: string) => number;
}

export interface Connection {
  /** The requests whose responses are in flight. */
  readonly busy: readonly Recorded[];
  readonly closed: Promise<void>;
  /** Lets the next request succeed again. */
  disarm(): void;
  destroy(): void;
}

export function serve(socket: Socket, number: number, host: Host): Connection {
  const left = new AbortController();
  const gone = left.signal;
  const wire = readWire(socket, gone);
  let nth = 0;
  let current: Recorded | undefined;
  let failNext: Cut | undefined;

  function over(): void {
    if (current !== undefined && current.state !== 'cut') {
      current.state = 'aborted';
      current.abortedAfter = now() - current.at;
    }
    current = undefined;
    left.abort();
    socket.destroy();
    host.changed();
  }

  socket.setNoDelay(true);
  socket.on('end', over);
  socket.on('error', () => {}); // a reset by the client; `close` follows
  const closed = new Promise<void>((resolve) => {
    socket.on('close', () => {
      over();
      resolve();
    });
  });

  function open(seen: Recorded): Exchange {
    const responder = http1Responder(socket, gone, seen);
    return exchange({ ...host, responder, gone, seen, failNext: (how) => (failNext = how) });
  }

  async function converse(): Promise<void> {
    for (;;) {
      const head = await wire.head();
      if (isPreflight(head)) await preflight(head);
      else if (!(await request(head))) return;
    }
  }

  async function preflight(head: Head): Promise<void> {
    host.preflighted();
    await open(record(head, number, 0)).reply(204, '', {
      'access-control-allow-methods': head.headers['access-control-request-method'] ?? '*',
      'access-control-allow-headers': head.headers['access-control-request-headers'] ?? '*',
      'access-control-allow-private-network': 'true',
      'access-control-max-age': 600,
    });
  }

  /** Resolves to whether the connection can carry another request. */
  async function request(head: Head): Promise<boolean> {
    const seen = (current = record(head, number, ++nth));
    const x = open(seen);
    const early = find(host.earlyRoutes, seen.path);
    const how = failNext;
    const route = how ? (): void => x.cut(how) : (host.outage() ?? early ?? find(host.routes, seen.path));
    host.arrived(seen);
    host.changed();

    const received = wire.body(head.headers, (bytes) => {
      seen.pieces.push(bytes);
      host.changed();
    });
    received.catch(() => {}); // awaited below, unless the connection ends first
    if (early === undefined) await received;
    seen.state = 'answering';
    host.changed();
    await respond(x, route);
    if (x.seen.state === 'cut') return false;

    gone.throwIfAborted();
    seen.state = 'complete';
    current = undefined;
    host.changed();
    await received;
    if (head.headers['connection'] !== 'close') return true;
    socket.end();
    return false;
  }

  converse().catch((error: unknown) => {
    if (!gone.aborted && !socket.destroyed) throw error;
  });

  return {
    get busy() {
      return current === undefined || current.state === 'cut' ? [] : [current];
    },
    closed,
    disarm: () => (failNext = undefined),
    destroy: () => socket.destroy(),
  };
}

/** Runs the route. An unknown path or parameter is a mistake of the test, and gets an error response. */
export async function respond(x: Exchange, route: Route | undefined): Promise<void> {
  if (route === undefined) return x.reply(404, `${x.seen.path} is no fault`);
  try {
    await x.pause(x.number('delay', 0));
    await route(x);
  } catch (error) {
    if (x.seen.headSent) throw error;
    await x.reply(500, String(error));
  }
}

function isPreflight({ method, headers }: Head): boolean {
  return method === 'OPTIONS' && headers['access-control-request-method'] !== undefined;
}

export function find(routes: Routes, path: string): Route | undefined {
  return routes[path] ?? routes[path.replace(/[^/]*$/, '*')];
}
