/** All that kyoa writes of ten thousand calls with a token is searched for the token. */
import { inspect } from 'node:util';

import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import {
  auth,
  breaker,
  constant,
  createFetch,
  dedupe,
  explain,
  idempotency,
  log,
  memory,
  metrics,
  observe,
  retry,
  staleIfError,
  timeout,
  trace,
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

/** Notes the keys that are written, and not the values: a storage holds the token. */
function watchedKeys(inner: Storage, keys: Set<string>): Storage {
  return {
    ...inner,
    set: (key, ...rest) => {
      keys.add(key);
      return inner.set(key, ...rest);
    },
  };
}

test(
  'no token appears in a log line, an event, a span, a metric, a storage key or an error',
  { timeout: 60_000 },
  async () => {
    const lines: string[] = [];
    const events: string[] = [];
    const errors: string[] = [];
    const keys = new Set<string>();
    const seen = { renewals: 0, sent: 0 };
    const exporter = new InMemorySpanExporter();
    const tracer = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] }).getTracer('test');
    const registry = new Registry();
    const counts = metrics();

    const renew = async (): Promise<Token> => {
      seen.renewals += 1;
      if (seen.renewals % 3 === 0) throw networkError('ECONNREFUSED');
      const access = `${secret}access-${seen.renewals}`;
      return { access, refresh: `${secret}refresh-${seen.renewals}`, expires: Date.now() + 3_600_000 };
    };
    /** Responds in each way that a policy has something to say of. */
    const transport = async (_: unknown, init?: RequestInit): Promise<Response> => {
      const n = (seen.sent += 1);
      const authorization = new Headers(init?.headers).get('authorization') ?? '';
      if (n % 97 === 0) return new Response('', { status: 401, headers: { 'www-authenticate': authorization } });
      if (n % 53 === 0) throw networkError('ECONNRESET');
      if (n % 41 === 0) return new Response(null, { status: 503 });
      return new Response('ok', { headers: { 'cache-control': 'max-age=0' } });
    };
    const fetch = createFetch({
      storage: watchedKeys(memory(), keys),
      fetch: transport,
      use: [
        log({ service: 'shop', write: (line) => void lines.push(line) }),
        opentelemetry({ tracer }),
        prometheus({ registry }),
        counts,
        observe(explain({ write: (line) => void lines.push(line), color: false })),
        observe((event) => void events.push(inspect(event, { depth: 6, showHidden: true }))),
        auth({ renew }),
        staleIfError(),
        timeout(5_000),
        dedupe(),
        idempotency(),
        retry({ retries: 1, backoff: constant(0), budget: false }),
        breaker({ volume: 1_000_000 }),
        trace(),
      ],
    });

    for (let n = 0; n < calls; n += 50) {
      const some = Array.from({ length: 50 }, async (_, k) => {
        const isOrder = k % 10 === 0;
        try {
          const init = isOrder ? { method: 'POST', body: 'order', requestId: `order-${n + k}` } : {};
          await (await fetch(`http://api.example/users/${n + k}`, init)).text();
        } catch (error) {
          errors.push(
            inspect(error, { depth: 6, showHidden: true }),
            JSON.stringify(error),
            (error as Error).stack ?? '',
          );
        }
      });
      await Promise.all(some);
    }

    const spans = exporter
      .getFinishedSpans()
      .map(({ name, attributes, events, status }) => JSON.stringify({ name, attributes, events, status }));
    const found = {
      lines,
      events,
      errors,
      keys: [...keys],
      spans,
      metrics: [await registry.metrics(), inspect(counts.snapshot(), { depth: 8 })],
    };
    expect(seen.renewals).toBeGreaterThan(20);
    for (const [place, texts] of Object.entries(found)) {
      expect(texts.length, place).toBeGreaterThan(0);
      expect(
        texts.filter((text) => text.includes(secret)),
        place,
      ).toEqual([]);
    }
  },
);
