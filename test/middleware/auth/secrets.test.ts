/** All that kyoa writes of ten thousand calls with a token is searched for the token. */
import { inspect } from 'node:util';

import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import kyoa, {
  auth,
  breaker,
  constant,
  createFetch,
  dedupe,
  explain,
  idempotency,
  isHTTPError,
  log,
  memory,
  metrics,
  observe,
  retry,
  staleIfError,
  StorageError,
  timeout,
  trace,
  type KyoaEvent,
  type Storage,
  type Token,
} from 'kyoa';
import { opentelemetry } from 'kyoa/opentelemetry';
import { prometheus } from 'kyoa/prometheus';
import { Registry } from 'prom-client';
import { expect, test } from 'vitest';

import { networkError } from '../../support/http.ts';

const secret = 's3cr3t-';
const calls = 10_000;

/** Notes the keys, and not the values: a storage holds the token. Now and then it takes no entry. */
function watchedKeys(inner: Storage, keys: Set<string>): Storage {
  let writes = 0;
  return {
    ...inner,
    get: (key) => {
      keys.add(key);
      return inner.get(key);
    },
    set: (key, ...rest) => {
      keys.add(key);
      if ((writes += 1) % 199 === 0) return Promise.reject(new StorageError(`cannot store ${key}`));
      return inner.set(key, ...rest);
    },
    delete: (key, ...rest) => {
      keys.add(key);
      return inner.delete(key, ...rest);
    },
  };
}

/** What a program may write of an error. Its `request`, which has all headers, is in none of these. */
function textsOf(error: unknown): string[] {
  const showHidden = !isHTTPError(error); // it would show the response, in which the server repeats the token
  return [String(error), (error as Error).stack ?? '', JSON.stringify(error), inspect(error, { depth: 6, showHidden })];
}

test(
  'no token appears in a log line, a report, an event, a span, a metric, a storage key or an error',
  { timeout: 120_000 },
  async () => {
    const lines: string[] = [];
    const reports: string[] = [];
    const events: string[] = [];
    const types = new Map<KyoaEvent['type'], number>();
    const errors: string[] = [];
    const failed = new Map<string, number>();
    const keys = new Set<string>();
    const seen = { renewals: 0, sent: 0, tokens: 0 };
    const exporter = new InMemorySpanExporter();
    const tracer = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] }).getTracer('test');
    const registry = new Registry();
    const counts = metrics();

    const renew = async (): Promise<Token> => {
      seen.renewals += 1;
      if (seen.renewals % 20 === 0) throw Object.assign(new Error('refused'), { response: { status: 400 } });
      if (seen.renewals % 3 === 0) throw networkError('ECONNREFUSED');
      const access = `${secret}access-${seen.renewals}`;
      return { access, refresh: `${secret}refresh-${seen.renewals}`, expires: Date.now() + 3_600_000 };
    };
    /** Responds in each way that a policy has something to say of. */
    const transport = async (input: unknown, init?: RequestInit): Promise<Response> => {
      const n = (seen.sent += 1);
      const headers = new Headers(init?.headers ?? (input as Request).headers);
      const authorization = headers.get('authorization') ?? '';
      if (authorization.includes(secret)) seen.tokens += 1;
      if (n % 97 === 0) return new Response('', { status: 401, headers: { 'www-authenticate': authorization } });
      if (n % 53 === 0) throw networkError('ECONNRESET');
      if (n % 41 === 0) return new Response(null, { status: 503 });
      if (n % 997 === 0) return new Promise(() => {});
      return new Response('ok', { headers: { 'cache-control': 'max-age=0' } });
    };
    const session = auth({ renew });
    const options = {
      storage: watchedKeys(memory(), keys),
      fetch: transport,
      use: [
        log({ service: 'shop', write: (line) => void lines.push(line) }),
        opentelemetry({ tracer }),
        prometheus({ registry }),
        counts,
        observe(explain({ write: (report) => void reports.push(report), color: false })),
        observe((event) => {
          types.set(event.type, (types.get(event.type) ?? 0) + 1);
          events.push(inspect(event, { depth: 6, showHidden: true }));
        }),
        session,
        staleIfError(),
        timeout(300),
        dedupe(),
        idempotency(),
        retry({ retries: 1, backoff: constant(0), budget: false }),
        breaker({ volume: 1_000_000 }),
        trace(),
      ],
    };
    const clients = [createFetch(options), kyoa.create(options)];

    /** Each second call is one of the client, each tenth an order, and some of fetch have a token of their own. */
    const call = async (n: number): Promise<void> => {
      const order = n % 10 < 2 ? { method: 'POST', body: 'order', requestId: `order-${n}` } : {};
      const own = n % 50 === 0 ? { headers: { authorization: `Bearer ${secret}own` } } : {};
      try {
        await (await clients[n % 2]!(`http://api.example/users/${n}`, { ...order, ...own })).text();
      } catch (error) {
        const { name, code } = error as Error & { readonly code?: string };
        failed.set(code ?? name, (failed.get(code ?? name) ?? 0) + 1);
        errors.push(...textsOf(error));
      }
    };
    for (let n = 0; n < calls; n += 50) {
      await Promise.all(Array.from({ length: 50 }, (_, k) => call(n + k)));
      // A renewal that was refused has signed the user out.
      if (n % 500 === 0) await session.set({ access: `${secret}login-${n}`, refresh: `${secret}login-refresh-${n}` });
    }

    const spans = exporter.getFinishedSpans().map((span) => {
      const { name, attributes, events, status, links } = span;
      return JSON.stringify({ name, attributes, events, status, links });
    });
    const found = {
      lines,
      reports,
      events,
      errors,
      keys: [...keys],
      spans,
      metrics: [await registry.metrics(), inspect(counts.snapshot(), { depth: 8 })],
    };
    for (const [place, texts] of Object.entries(found)) {
      const where = texts.filter((text) => text.includes(secret));
      expect(where, place).toEqual([]);
    }
    // Each place has all the calls, and each kind of failure.
    expect([lines.length, spans.length, types.get('request.settled')]).toEqual([calls, calls, calls]);
    expect(reports.length).toBeGreaterThanOrEqual(calls);
    expect(keys.size).toBeGreaterThan(calls / 2);
    expect(seen.tokens).toBeGreaterThan(calls / 2);
    expect(types.get('auth.renewed')).toBeGreaterThan(20);
    expect(types.get('auth.refused')).toBeGreaterThan(0);
    expect([...failed.keys()].toSorted()).toEqual(['HTTPError', 'NetworkError', 'STORAGE', 'TIMEOUT', 'TypeError']);
  },
);
