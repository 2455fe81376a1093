/**
 * A callback runs in the async context of the call that caused it, so that AsyncLocalStorage and the active span of
 * OpenTelemetry are those of the call. Sockets, queues and budgets are shared by calls, and each could lead a callback
 * into the context of another call.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { undici } from '../../adapters/transport/undici/undici.ts';
import {
  breaker,
  createFetch,
  endpoints,
  fallback,
  hedge,
  limit,
  log,
  observe,
  retry,
  timeout,
  type Adaptive,
  type Fetch,
  type KyoaFetch,
  type Middleware,
  type When,
} from '../../src/index.ts';

interface Store {
  readonly user: number;
  readonly id: string;
}

const storage = new AsyncLocalStorage<Store>();

/** The callbacks that ran, and those that ran in the context of another call or of none. */
let ran: Set<string>;
let strayed: Set<string>;

function check(callback: string, id: string): void {
  ran.add(callback);
  if (storage.getStore()?.id !== id) strayed.add(callback);
}

/** What the server does with the requests of one call. */
type Route = (response: ServerResponse, attempt: number) => void;

const events = { 'content-type': 'text/event-stream' };
const text = 'x'.repeat(2_000);
const routes: Readonly<Record<string, Route>> = {
  ok: (response) => response.end(text),
  zipped: (response) => response.setHeader('content-encoding', 'gzip').end(gzipSync(text)),
  /** Unavailable twice. */
  unavailable: (response, attempt) => response.writeHead(attempt < 3 ? 503 : 200).end(text),
  /** Reset once. */
  reset: (response, attempt) => (attempt < 2 ? response.destroy() : response.end(text)),
  silent: () => undefined,
  /** The second copy is faster. */
  slow: (response, attempt) => setTimeout(() => response.end(text), attempt === 1 ? 400 : 5),
  drip: (response) => drip(response, 8, 'x'.repeat(500)),
  endless: (response) => drip(response, Infinity, 'x'.repeat(500)),
  stall: (response) => response.write(text),
  cut: (response) => response.write(text, () => setTimeout(() => response.destroy(), 10)),
  comments: (response) => drip(response.writeHead(200, events), Infinity, ': still here\n\n'),
};

function drip(response: ServerResponse, chunks: number, chunk: string): void {
  let sent = 0;
  const timer = setInterval(() => {
    sent += 1;
    response.write(chunk);
    if (sent < chunks) return;
    clearInterval(timer);
    response.end();
  }, 20);
  response.on('close', () => clearInterval(timer));
}

let server: Server;
let origin: string;
beforeAll(async () => {
  const attempts = new Map<string, number>();
  server = createServer((request: IncomingMessage, response) => {
    const id = request.headers['x-id'] as string;
    const attempt = (attempts.get(id) ?? 0) + 1;
    attempts.set(id, attempt);
    routes[request.url!.slice(1)]!(
      response.on('error', () => {}),
      attempt,
    );
    request.resume().on('error', () => {});
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

/** A limit whose callbacks are checked. */
const checked = (limit: number): Adaptive => ({
  measure(ctx, what) {
    check(`${what} measure`, ctx.id);
    return {
      limit,
      finished: () => check(`${what} finished`, ctx.id),
      expired: () => check(`${what} expired`, ctx.id),
    };
  },
});
const when =
  (policy: string, verdict: When): When =>
  (outcome, ctx) => {
    check(`${policy} when`, ctx.id);
    return verdict(outcome, ctx);
  };
const key =
  (policy: string) =>
  (ctx: { id: string }): string => {
    check(`${policy} key`, ctx.id);
    return policy;
  };
const isBad: When = ({ response }) => response?.ok !== true;

const watchful: Middleware = (ctx, next) => {
  ctx.onAbort(() => check('onAbort', ctx.id));
  ctx.signal.addEventListener('abort', () => check('abort listener', ctx.id));
  return next({ headers: { 'x-id': ctx.id } }).finally(() => check('middleware', ctx.id));
};

function stackOver(fetch: Fetch): KyoaFetch {
  return createFetch({
    fetch,
    use: [
      observe((event) => check(event.type, event.id)),
      log({ write: (line) => check('log', (JSON.parse(line) as Store).id) }),
      timeout({ total: checked(900), idle: checked(150) }),
      fallback(
        (outcome, ctx) => {
          check('fallback respond', ctx.id);
          return outcome.response ?? Promise.reject(outcome.error);
        },
        { when: when('fallback', isBad) },
      ),
      limit({ concurrency: 60, key: key('limit'), priority: (ctx) => (check('limit priority', ctx.id), 0) }),
      retry({ budget: false, when: when('retry', isBad) }),
      hedge({ delay: 60, budget: false, when: when('hedge', isBad) }),
      breaker({ key: key('breaker'), when: when('breaker', () => false) }),
      endpoints([{ url: origin }]),
      watchful,
      timeout({ headers: checked(250) }),
    ],
  });
}

async function call(fetch: KyoaFetch, id: string, route: string, n: number): Promise<void> {
  const caller = new AbortController();
  if (n % 7 === 0) setTimeout(() => caller.abort('left'), 50 + ((n * 37) % 500));
  const overrides = {
    retry: {
      retries: 3,
      backoff: (_retry: number, random: () => number) => (check('retry backoff', id), random() * 50),
      random: () => (check('retry random', id), 0.5),
    },
    timeout: {
      // from 50 ms to 2 s
      ...(n % 3 === 0 && { total: checked(50 + ((n * 97) % 1_950)) }),
      isProgress: (chunk: Uint8Array) => (check('isProgress', id), chunk[0] !== 0x3a),
    },
  };
  let sent = 0;
  const upload = new ReadableStream({
    pull(controller) {
      check('upload pull', id);
      controller.enqueue(new TextEncoder().encode(text));
      if ((sent += 1) === 3) controller.close();
    },
  });
  const init = n % 11 === 0 ? { method: 'PUT', body: upload, duplex: 'half' } : {};
  try {
    const response = await fetch(`${origin}/${route}`, {
      ...init,
      ...overrides,
      requestId: id,
      signal: caller.signal,
    });
    check('response', id);
    if (n % 2 === 0) {
      await response.text();
      check('text', id);
    } else {
      for await (const _chunk of response.body!) check('chunk', id);
    }
  } catch {
    check('error', id);
  }
}

/** Each of them ran at least once. */
const callbacks = [
  'request.started',
  'request.settled',
  'attempt.sent',
  'attempt.answered',
  'attempt.failed',
  'timeout.exceeded',
  'retry.scheduled',
  'retry.abandoned',
  'hedge.launched',
  'hedge.won',
  'endpoint.picked',
  'limit.queued',
  'log',
  'fallback when',
  'retry when',
  'hedge when',
  'breaker when',
  'breaker key',
  'limit key',
  'limit priority',
  'total measure',
  'total finished',
  'total expired',
  'headers measure',
  'headers finished',
  'headers expired',
  'idle measure',
  'idle finished',
  'idle expired',
  'isProgress',
  'fallback respond',
  'retry backoff',
  'retry random',
  'onAbort',
  'abort listener',
  'middleware',
  'upload pull',
  'response',
  'text',
  'chunk',
  'error',
];

describe('over', () => {
  test.each<[string, () => Fetch]>([
    ['the global fetch', () => globalThis.fetch],
    ['undici()', () => undici({ connections: 50 })],
  ])(
    '%s, every callback of 200 calls of 20 users runs in the context of its own call',
    async (_, transport) => {
      ran = new Set();
      strayed = new Set();
      const fetch = stackOver(transport());
      const names = Object.keys(routes);
      const missing = (): string[] => callbacks.filter((callback) => !ran.has(callback));
      // On a machine with other work, so many limits may expire in a round that no hedge wins.
      for (let round = 1; round === 1 || (round <= 5 && missing().length > 0); round += 1) {
        await Promise.all(
          Array.from({ length: 200 }, (_each, n) => {
            const store: Store = { user: n % 20, id: crypto.randomUUID() };
            return storage.run(store, () => call(fetch, store.id, names[n % names.length]!, n));
          }),
        );
        expect([...strayed]).toEqual([]);
      }
      expect(missing()).toEqual([]);
    },
    30_000,
  );
});
