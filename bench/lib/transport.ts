/** One client of `bench/transport.ts`, in a process of its own: no contender pays for another's garbage. */
import type { Middleware } from '../../src/index.ts';
import { items } from './transport-server.ts';
import { load } from './load.ts';

export interface Task {
  /** How long to send, ms, and how many at a time. */
  readonly time: number;
  readonly inFlight: number;
}

export interface Figures {
  readonly requests: number;
  readonly wrong: number;
  /** ms it took. */
  readonly wall: number;
  /** us of all threads, a request. */
  readonly cpu: number;
  /** ms. */
  readonly p50: number;
  readonly p99: number;
}

type Get = (url: string) => Promise<unknown>;

interface Contender {
  /** What must be installed for it. */
  readonly packages?: readonly string[];
  readonly make: () => Get | Promise<Get>;
}

const json = async (response: Promise<Response>): Promise<unknown> => (await response).json();

export const contenders: Readonly<Record<string, Contender>> = {
  'global fetch': { make: () => (url) => json(fetch(url)) },
  'kyoa undici()': {
    async make() {
      const { undici } = await import('../../adapters/transport/undici.ts');
      const fetch = undici();
      return (url) => json(fetch(url));
    },
  },
  'createFetch on undici()': { make: () => face([]) },
  'standard() on undici()': {
    async make() {
      const { standard } = await import('../../src/index.ts');
      return face(standard());
    },
  },
  'kyoa.get on undici()': {
    async make() {
      const { undici } = await import('../../adapters/transport/undici.ts');
      const { default: kyoa } = await import('../../src/kyoa.ts');
      const api = kyoa.create({ fetch: undici() });
      return (url) => api.get(url).json();
    },
  },
  'standard() on the global fetch': {
    async make() {
      const { createFetch, standard } = await import('../../src/index.ts');
      const fetch = createFetch({ use: standard() });
      return (url) => json(fetch(url));
    },
  },
  'undici.request': {
    packages: ['undici'],
    async make() {
      const { request, Agent } = await load<Undici>('undici');
      const dispatcher = new Agent();
      return async (url) => (await request(url, { dispatcher })).body.json();
    },
  },
  'undici.fetch': {
    packages: ['undici'],
    async make() {
      const { fetch, Agent } = await load<Undici>('undici');
      const dispatcher = new Agent();
      return (url) => json(fetch(url, { dispatcher }));
    },
  },
  ky: {
    packages: ['ky'],
    async make() {
      const { default: ky } = await load<{ default: { get(url: string): { json: () => Promise<unknown> } } }>('ky');
      return (url) => ky.get(url).json();
    },
  },
  ofetch: {
    packages: ['ofetch'],
    async make() {
      const { ofetch } = await load<{ ofetch: Get }>('ofetch');
      return (url) => ofetch(url);
    },
  },
  axios: {
    packages: ['axios'],
    async make() {
      const { default: axios } = await load<{ default: { create(options: object): { get: Get } } }>('axios');
      const { Agent } = await import('node:http');
      const api = axios.create({ httpAgent: new Agent({ keepAlive: true }), proxy: false });
      return async (url) => ((await api.get(url)) as { data: unknown }).data;
    },
  },
  got: {
    packages: ['got'],
    async make() {
      const { default: got } = await load<{
        default: { extend(options: object): { get(url: string): { json: Get } } };
      }>('got');
      const { Agent } = await import('node:http');
      const api = got.extend({ agent: { http: new Agent({ keepAlive: true }) } });
      return (url) => api.get(url).json(url);
    },
  },
};

async function face(use: readonly Middleware[]): Promise<Get> {
  const { createFetch } = await import('../../src/index.ts');
  const { undici } = await import('../../adapters/transport/undici.ts');
  const fetch = createFetch({ use, fetch: undici() });
  return (url) => json(fetch(url));
}

interface Undici {
  readonly Agent: new () => object;
  readonly request: (url: string, options: object) => Promise<{ readonly body: { json(): Promise<unknown> } }>;
  readonly fetch: (url: string, options: object) => Promise<Response>;
}

async function send(get: Get, origin: string, { time, inFlight }: Task): Promise<Figures> {
  const latencies: number[] = [];
  let wrong = 0;
  const cpu = process.cpuUsage();
  const started = performance.now();
  // Each its own: what is asked for twice at a time is sent once by some.
  const lane = async (_: unknown, id: number): Promise<void> => {
    const url = `${origin}/items/${id}`;
    for (let now = performance.now(); now - started < time;) {
      const answer = (await get(url)) as { items?: { length: number } };
      if (answer.items?.length !== items) wrong += 1;
      const then = now;
      now = performance.now();
      latencies.push(now - then);
    }
  };
  await Promise.all(Array.from({ length: inFlight }).map(lane));
  const wall = performance.now() - started;
  const { user, system } = process.cpuUsage(cpu);
  const sorted = latencies.toSorted((a, b) => a - b);
  const quantile = (q: number): number => sorted[Math.ceil(q * sorted.length) - 1]!;
  const requests = latencies.length;
  return { requests, wrong, wall, cpu: (user + system) / requests, p50: quantile(0.5), p99: quantile(0.99) };
}

if (import.meta.main) {
  const [contender, origin] = process.argv.slice(2) as [string, string];
  const get = await contenders[contender]!.make();
  process.on('message', (task: Task) => {
    void send(get, origin, task).then((figures) => process.send!(figures));
  });
  process.on('disconnect', () => process.exit());
  process.send!('ready');
}
