/** The contenders that get a JSON document. Each is configured as its own documentation describes, with its own features. */
import type { Contender as Client, GetJson } from './client.ts';
import { handFused } from './hand-fused.ts';
import { load } from './load.ts';

export interface Contender extends Client {
  /** The features of the standard stack that the contender has in this configuration. */
  readonly features: string;
  /** The contender does not use the global fetch, so a stubbed fetch cannot replace its transport. */
  readonly ownTransport?: true;
}

export const contenders: Readonly<Record<string, Contender>> = {
  'raw fetch': {
    features: 'none',
    make: () => async (url) => (await fetch(url)).json(),
  },
  'by hand, one closure': {
    features: 'timeouts, retry, dedupe, breaker',
    make: handFused,
  },
  'kyoa createFetch, standard()': {
    features: 'timeouts, retry, dedupe, breaker, idempotency',
    async make() {
      const { createFetch, standard } = await import('../../src/index.ts');
      const fetch = createFetch({ use: standard() });
      return async (url) => (await fetch(url)).json();
    },
  },
  'kyoa createFetch, no policies': {
    features: 'none',
    async make() {
      const { createFetch } = await import('../../src/index.ts');
      const fetch = createFetch();
      return async (url) => (await fetch(url)).json();
    },
  },
  kyoa: {
    features: 'as standard(), under ky’s API',
    async make() {
      const { default: kyoa } = await import('../../src/index.ts');
      return (url) => kyoa.get(url).json();
    },
  },
  ky: {
    packages: ['ky'],
    features: 'timeout, retry',
    async make() {
      const { default: ky } = await import('ky');
      return (url) => ky.get(url).json();
    },
  },
  'ky, timeout and retry off': {
    packages: ['ky'],
    features: 'none',
    async make() {
      const { default: ky } = await import('ky');
      const api = ky.create({ timeout: false, retry: 0 });
      return (url) => api.get(url).json();
    },
  },
  'p-retry + p-timeout': {
    packages: ['p-retry', 'p-timeout'],
    features: 'timeout, retry',
    async make() {
      const { default: pRetry } = await import('p-retry');
      const { default: pTimeout } = await import('p-timeout');
      const attempt = async (url: string): Promise<unknown> => {
        const work = new AbortController();
        const json = fetch(url, { signal: work.signal }).then((response) => response.json());
        return pTimeout(json, { milliseconds: 10_000, fallback: () => work.abort() });
      };
      return (url) => pRetry(() => attempt(url), { retries: 3 });
    },
  },
  ofetch: {
    packages: ['ofetch'],
    features: 'timeout, retry',
    async make() {
      const { ofetch } = await load<{ ofetch: (url: string, options: object) => Promise<unknown> }>('ofetch');
      return (url) => ofetch(url, { timeout: 10_000, retry: 3 });
    },
  },
  wretch: {
    packages: ['wretch'],
    features: 'retry, dedupe',
    async make() {
      const { default: wretch } = await load<{ default: () => Wretch }>('wretch');
      const { retry, dedupe } =
        await load<Record<'retry' | 'dedupe', (options?: object) => unknown>>('wretch/middlewares');
      const api = wretch().middlewares([dedupe(), retry({ maxAttempts: 3 })]);
      return (url) => api.url(url).get().json();
    },
  },
  'up-fetch': {
    packages: ['up-fetch'],
    features: 'timeout, retry',
    async make() {
      const { up } = await load<{ up: (fetch: unknown, defaults: () => object) => GetJson }>('up-fetch');
      return up(fetch, () => ({ timeout: 10_000, retry: { attempts: 3 } }));
    },
  },
  ffetch: {
    packages: ['@fetchkit/ffetch'],
    features: 'timeout, retry, breaker',
    async make() {
      const { createClient } = await load<{ createClient: (options: object) => typeof fetch }>('@fetchkit/ffetch');
      const client = createClient({ timeout: 10_000, retries: 3, circuit: { threshold: 20, reset: 2_000 } });
      return async (url) => (await client(url)).json();
    },
  },
  cockatiel: {
    packages: ['cockatiel'],
    features: 'timeout, retry, breaker',
    async make() {
      const { wrap, retry, timeout, circuitBreaker, handleAll, ...kinds } = await load<Cockatiel>('cockatiel');
      const policy = wrap(
        retry(handleAll, { maxAttempts: 3, backoff: new kinds.ExponentialBackoff() }),
        circuitBreaker(handleAll, { halfOpenAfter: 2_000, breaker: new kinds.ConsecutiveBreaker(20) }),
        timeout(10_000, kinds.TimeoutStrategy.Cooperative),
      );
      return (url) => policy.execute(async ({ signal }) => (await fetch(url, { signal })).json());
    },
  },
  opossum: {
    packages: ['opossum'],
    features: 'timeout, breaker',
    async make() {
      const { default: CircuitBreaker } = await load<{ default: new (run: GetJson) => { fire: GetJson } }>('opossum');
      const breaker = new CircuitBreaker(async (url) => (await fetch(url)).json());
      return (url) => breaker.fire(url);
    },
  },
  'koa-compose, six empty layers': {
    packages: ['koa-compose'],
    features: 'none',
    async make() {
      const { default: compose } = await load<{ default: (layers: readonly KoaLayer[]) => KoaLayer }>('koa-compose');
      const run = compose(Array.from({ length: 6 }, (): KoaLayer => (_ctx, next) => next()));
      return async (url) => ((await run({}, async () => fetch(url))) as Response).json();
    },
  },
  axios: {
    packages: ['axios', 'axios-retry'],
    features: 'timeout, retry',
    async make() {
      const { default: axios } = await load<{ default: { create: (options: object) => Axios } }>('axios');
      const { default: axiosRetry } = await load<{ default: (api: Axios, options: object) => void }>('axios-retry');
      const api = axios.create({ adapter: 'fetch', timeout: 10_000 });
      axiosRetry(api, { retries: 3 });
      return async (url) => (await api.get(url)).data;
    },
  },
  'axios over node:http': {
    packages: ['axios', 'axios-retry'],
    features: 'timeout, retry',
    ownTransport: true,
    async make() {
      const { Agent } = await import('node:http');
      const { default: axios } = await load<{ default: { create: (options: object) => Axios } }>('axios');
      const { default: axiosRetry } = await load<{ default: (api: Axios, options: object) => void }>('axios-retry');
      const api = axios.create({ adapter: 'http', timeout: 10_000, httpAgent: new Agent({ keepAlive: true }) });
      axiosRetry(api, { retries: 3 });
      return async (url) => (await api.get(url)).data;
    },
  },
  got: {
    packages: ['got'],
    features: 'timeout, retry',
    ownTransport: true,
    async make() {
      const { Agent } = await import('node:http');
      const { default: got } = await load<{ default: { extend: (options: object) => Got } }>('got');
      const options = {
        agent: { http: new Agent({ keepAlive: true }) },
        timeout: { request: 10_000 },
        retry: { limit: 3 },
      };
      const api = got.extend(options);
      return (url) => api(url).json();
    },
  },
  'undici request': {
    packages: ['undici'],
    features: 'limits of the socket',
    ownTransport: true,
    async make() {
      const { request } = await load<Undici>('undici');
      return async (url) => (await request(url)).body.json();
    },
  },
  'undici request + interceptors': {
    packages: ['undici'],
    features: 'retry, dedupe, limits of the socket',
    ownTransport: true,
    async make() {
      const { request, Agent, interceptors } = await load<Undici>('undici');
      const dispatcher = new Agent().compose(interceptors.retry(), interceptors.deduplicate());
      return async (url) => (await request(url, { dispatcher })).body.json();
    },
  },
  'undici fetch + interceptors': {
    packages: ['undici'],
    features: 'retry, dedupe, limits of the socket',
    ownTransport: true,
    async make() {
      const { fetch, Agent, interceptors } = await load<Undici>('undici');
      const dispatcher = new Agent().compose(interceptors.retry(), interceptors.deduplicate());
      return async (url) => (await fetch(url, { dispatcher })).json();
    },
  },
};

interface Wretch {
  middlewares(list: readonly unknown[]): Wretch;
  url(url: string): { get(): { json(): Promise<unknown> } };
}

interface Cockatiel {
  readonly handleAll: unknown;
  readonly wrap: (...policies: unknown[]) => {
    execute: <T>(run: (context: { signal: AbortSignal }) => Promise<T>) => Promise<T>;
  };
  readonly retry: (what: unknown, options: object) => unknown;
  readonly circuitBreaker: (what: unknown, options: object) => unknown;
  readonly timeout: (ms: number, strategy: unknown) => unknown;
  readonly ExponentialBackoff: new () => object;
  readonly ConsecutiveBreaker: new (failures: number) => object;
  readonly TimeoutStrategy: { readonly Cooperative: unknown };
}

type KoaLayer = (context: object, next: () => Promise<unknown>) => Promise<unknown>;

interface Axios {
  get(url: string): Promise<{ data: unknown }>;
}

type Got = (url: string) => { json(): Promise<unknown> };

interface Undici {
  readonly request: (url: string, options?: object) => Promise<{ body: { json(): Promise<unknown> } }>;
  readonly fetch: (url: string, options: object) => Promise<Response>;
  readonly Agent: new () => { compose(...interceptors: unknown[]): object };
  readonly interceptors: { readonly retry: () => unknown; readonly deduplicate: () => unknown };
}
