/** The contenders on the global fetch, and some with their own transport. Each is configured as its own documentation describes, with its own features. */
import type { Contender as AnyContender } from './client.ts';
import { asAxios, asFetch, asGot, asKy, asOfetch, asUndiciRequest, lengthOf } from './clients.ts';
import type { Axios, Got, Ofetch, UndiciRequest } from './clients.ts';
import { handFused } from './hand-fused.ts';
import { load } from './load.ts';
import type { Init } from './shapes.ts';

export interface Contender extends AnyContender {
  /** The features of the standard stack that the contender has in this configuration. */
  readonly features: string;
  /** The contender does not use the global fetch, so a stubbed fetch cannot replace its transport. */
  readonly ownTransport?: true;
}

export const contenders: Readonly<Record<string, Contender>> = {
  'raw fetch': {
    features: 'none',
    main: true,
    make: () => asFetch(fetch),
  },
  'by hand, one closure': {
    features: 'timeouts, retry, dedupe, breaker',
    main: true,
    make: handFused,
  },
  'kyoa createFetch, standard()': {
    features: 'timeouts, retry, dedupe, breaker, idempotency',
    main: true,
    async make() {
      const { createFetch, standard } = await import('../../src/index.ts');
      return asFetch(createFetch({ use: standard() }));
    },
  },
  'kyoa createFetch, no policies': {
    features: 'none',
    main: true,
    async make() {
      const { createFetch } = await import('../../src/index.ts');
      return asFetch(createFetch());
    },
  },
  kyoa: {
    features: 'as standard(), under ky’s API',
    main: true,
    async make() {
      const { default: kyoa } = await import('../../src/index.ts');
      return asKy(kyoa);
    },
  },
  ky: {
    packages: ['ky'],
    features: 'timeout, retry',
    main: true,
    async make() {
      const { default: ky } = await import('ky');
      return asKy(ky);
    },
  },
  'ky, timeout and retry off': {
    packages: ['ky'],
    features: 'none',
    async make() {
      const { default: ky } = await import('ky');
      return asKy(ky.create({ timeout: false, retry: 0 }));
    },
  },
  'p-retry + p-timeout': {
    packages: ['p-retry', 'p-timeout'],
    features: 'timeout, retry',
    async make() {
      const { default: pRetry } = await import('p-retry');
      const { default: pTimeout } = await import('p-timeout');
      const send = <T>(input: string | Request, init: Init, read: (response: Response) => Promise<T>): Promise<T> => {
        const attempt = (): Promise<T> => {
          const work = new AbortController();
          const { signal } = init;
          const any = signal ? AbortSignal.any([signal, work.signal]) : work.signal;
          const whole = fetch(input, { ...init, signal: any }).then(read);
          return pTimeout(whole, { milliseconds: 10_000, fallback: () => (work.abort(), whole) });
        };
        return pRetry(attempt, { retries: 3, ...(init.signal && { signal: init.signal }) });
      };
      return {
        json: (input, init = {}) => send(input, init, (response) => response.json()),
        read: (url) => send(url, {}, ({ body }) => lengthOf(body!)),
      };
    },
  },
  ofetch: {
    packages: ['ofetch'],
    features: 'timeout, retry',
    main: true,
    async make() {
      const { ofetch } = await load<{ ofetch: { create: (defaults: object) => Ofetch } }>('ofetch');
      return asOfetch(ofetch.create({ timeout: 10_000, retry: 3 }));
    },
  },
  wretch: {
    packages: ['wretch'],
    features: 'retry, dedupe',
    without: ['Request given'],
    async make() {
      const { default: wretch } = await load<{ default: () => Wretch }>('wretch');
      const { retry, dedupe } =
        await load<Record<'retry' | 'dedupe', (options?: object) => unknown>>('wretch/middlewares');
      const api = wretch().middlewares([dedupe(), retry({ maxAttempts: 3 })]);
      return {
        json(url, { method, body, ...options } = {}) {
          const call = api.url(url as string).options(options);
          return (method === 'POST' ? call.post(body) : call.get()).json();
        },
        read: (url) =>
          api
            .url(url)
            .get()
            .res(({ body }) => lengthOf(body!)),
      };
    },
  },
  'up-fetch': {
    packages: ['up-fetch'],
    features: 'timeout, retry',
    async make() {
      const { up } = await load<{ up: (fetch: unknown, defaults: () => object) => UpFetch }>('up-fetch');
      const upfetch = up(fetch, () => ({ timeout: 10_000, retry: { attempts: 3 } }));
      const parseResponse = ({ body }: Response): Promise<number> => lengthOf(body!);
      return { json: upfetch, read: (url) => upfetch(url, { parseResponse }) as Promise<number> };
    },
  },
  ffetch: {
    packages: ['@fetchkit/ffetch'],
    features: 'timeout, retry, breaker',
    async make() {
      const { createClient } = await load<{ createClient: (options: object) => typeof fetch }>('@fetchkit/ffetch');
      return asFetch(createClient({ timeout: 10_000, retries: 3, circuit: { threshold: 20, reset: 2_000 } }));
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
      const send = <T>(input: string | Request, init: Init, read: (response: Response) => Promise<T>): Promise<T> =>
        policy.execute(async ({ signal }) => read(await fetch(input, { ...init, signal })), init.signal);
      return {
        json: (input, init = {}) => send(input, init, (response) => response.json()),
        read: (url) => send(url, {}, ({ body }) => lengthOf(body!)),
      };
    },
  },
  opossum: {
    packages: ['opossum'],
    features: 'timeout, breaker',
    async make() {
      const { default: CircuitBreaker } = await load<Opossum>('opossum');
      const breaker = new CircuitBreaker(async (read, input, init) => read(await fetch(input, init)));
      const json = (response: Response): Promise<unknown> => response.json();
      const length = ({ body }: Response): Promise<unknown> => lengthOf(body!);
      return {
        json: (input, init) => breaker.fire(json, input, init),
        read: (url) => breaker.fire(length, url) as Promise<number>,
      };
    },
  },
  'koa-compose, six empty layers': {
    packages: ['koa-compose'],
    features: 'none',
    async make() {
      const { default: compose } = await load<{ default: (layers: readonly KoaLayer[]) => KoaLayer }>('koa-compose');
      const run = compose(Array.from({ length: 6 }, (): KoaLayer => (_ctx, next) => next()));
      return asFetch((input, init) => run({}, async () => fetch(input, init)) as Promise<Response>);
    },
  },
  axios: {
    packages: ['axios', 'axios-retry'],
    features: 'timeout, retry',
    without: ['Request given'],
    async make() {
      const { default: axios } = await load<{ default: { create: (options: object) => Axios } }>('axios');
      const { default: axiosRetry } = await load<{ default: (api: Axios, options: object) => void }>('axios-retry');
      const api = axios.create({ adapter: 'fetch', timeout: 10_000 });
      axiosRetry(api, { retries: 3 });
      return asAxios(api);
    },
  },
  'axios over node:http': {
    packages: ['axios', 'axios-retry'],
    features: 'timeout, retry',
    without: ['Request given'],
    ownTransport: true,
    async make() {
      const { Agent } = await import('node:http');
      const { default: axios } = await load<{ default: { create: (options: object) => Axios } }>('axios');
      const { default: axiosRetry } = await load<{ default: (api: Axios, options: object) => void }>('axios-retry');
      const api = axios.create({ adapter: 'http', timeout: 10_000, httpAgent: new Agent({ keepAlive: true }) });
      axiosRetry(api, { retries: 3 });
      return asAxios(api);
    },
  },
  got: {
    packages: ['got'],
    features: 'timeout, retry',
    without: ['Request given'],
    ownTransport: true,
    async make() {
      const { Agent } = await import('node:http');
      const { default: got } = await load<{ default: { extend: (options: object) => Got } }>('got');
      const options = {
        agent: { http: new Agent({ keepAlive: true }) },
        timeout: { request: 10_000 },
        retry: { limit: 3 },
      };
      return asGot(got.extend(options));
    },
  },
  'undici request': {
    packages: ['undici'],
    features: 'limits of the socket',
    without: ['Request given'],
    ownTransport: true,
    async make() {
      const { request } = await load<Undici>('undici');
      return asUndiciRequest(request);
    },
  },
  'undici request + interceptors': {
    packages: ['undici'],
    features: 'retry, dedupe, limits of the socket',
    without: ['Request given'],
    ownTransport: true,
    async make() {
      const { request, Agent, interceptors } = await load<Undici>('undici');
      const dispatcher = new Agent().compose(interceptors.retry(), interceptors.deduplicate());
      return asUndiciRequest(request, dispatcher);
    },
  },
  'undici fetch + interceptors': {
    packages: ['undici'],
    features: 'retry, dedupe, limits of the socket',
    without: ['Request given'],
    ownTransport: true,
    async make() {
      const { fetch, Agent, interceptors } = await load<Undici>('undici');
      const dispatcher = new Agent().compose(interceptors.retry(), interceptors.deduplicate());
      return asFetch((url, init) => fetch(url, { ...init, dispatcher }));
    },
  },
};

interface Wretch {
  middlewares(list: readonly unknown[]): Wretch;
  url(url: string): Wretch;
  options(options: object): Wretch;
  get(): WretchResponse;
  post(body: string | undefined): WretchResponse;
}

interface WretchResponse {
  json(): Promise<unknown>;
  res<T>(read: (response: Response) => T): Promise<Awaited<T>>;
}

type UpFetch = (input: string | Request, options?: object) => Promise<unknown>;

interface Cockatiel {
  readonly handleAll: unknown;
  readonly wrap: (...policies: unknown[]) => {
    execute: <T>(run: (context: { signal: AbortSignal }) => Promise<T>, signal: AbortSignal | undefined) => Promise<T>;
  };
  readonly retry: (what: unknown, options: object) => unknown;
  readonly circuitBreaker: (what: unknown, options: object) => unknown;
  readonly timeout: (ms: number, strategy: unknown) => unknown;
  readonly ExponentialBackoff: new () => object;
  readonly ConsecutiveBreaker: new (failures: number) => object;
  readonly TimeoutStrategy: { readonly Cooperative: unknown };
}

interface Opossum {
  readonly default: new (run: Protected) => { readonly fire: Protected };
}

type Protected = (
  read: (response: Response) => Promise<unknown>,
  input: string | Request,
  init?: Init,
) => Promise<unknown>;

type KoaLayer = (context: object, next: () => Promise<unknown>) => Promise<unknown>;

interface Undici {
  readonly request: UndiciRequest;
  readonly fetch: (url: string | Request, options: object) => Promise<Response>;
  readonly Agent: new () => { compose(...interceptors: unknown[]): object };
  readonly interceptors: { readonly retry: () => unknown; readonly deduplicate: () => unknown };
}
