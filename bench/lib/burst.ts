/**
 * Measures one burst of identical GETs by one contender. All calls are in flight at once, and every body is kept until
 * the end. `bench/dedupe.ts` runs this module in a process of its own, so that no contender is charged for the garbage
 * of another.
 */
import { bodyOf } from './burst-server.ts';
import { load } from './load.ts';

export type Reader = 'text' | 'arrayBuffer';

export interface Task {
  readonly contender: string;
  readonly reader: Reader;
  readonly calls: number;
  readonly origin: string;
  readonly path: string;
}

export interface Figures {
  /** CPU time of all threads, ms. */
  readonly cpu: number;
  readonly wall: number;
  /** The growth of the resident set from the loaded modules to its peak, bytes. */
  readonly peak: number;
  /** The memory on the heap and outside it after a collection, while all bodies are referenced, bytes. */
  readonly held: number;
  /** Wrong bodies. */
  readonly wrong: number;
}

/** The result only needs the methods that read a body: undici's `request` does not return a `Response`. */
type Get = (url: string) => Promise<Record<Reader, () => Promise<string | ArrayBuffer>>>;

interface Contender {
  /** The packages that must be installed. */
  readonly packages?: readonly string[];
  /** Loads the contender. A process loads only the contender that it measures. */
  readonly make: () => Get | Promise<Get>;
}

export const contenders: Readonly<Record<string, Contender>> = {
  'plain fetch': { make: () => (url) => fetch(url) },
  'kyoa dedupe()': {
    async make() {
      const { createFetch, dedupe } = await import('../../src/index.ts');
      return createFetch({ use: [dedupe()] });
    },
  },
  'kyoa standard()': {
    async make() {
      const { createFetch, standard } = await import('../../src/index.ts');
      return createFetch({ use: standard() });
    },
  },
  'undici request + deduplicate': {
    packages: ['undici'],
    async make() {
      const { request, Agent, interceptors } = await load<Undici>('undici');
      const dispatcher = new Agent().compose(interceptors.deduplicate());
      return async (url) => (await request(url, { dispatcher })).body;
    },
  },
  'undici fetch + deduplicate': {
    packages: ['undici'],
    async make() {
      const { fetch, Agent, interceptors } = await load<Undici>('undici');
      const dispatcher = new Agent().compose(interceptors.deduplicate());
      return (url) => fetch(url, { dispatcher });
    },
  },
  'wretch dedupe()': {
    packages: ['wretch'],
    async make() {
      const { default: wretch } = await load<Wretch>('wretch');
      const { dedupe } = await load<WretchMiddlewares>('wretch/middlewares');
      const api = wretch().middlewares([dedupe()]);
      return (url) => api.url(url).get().res();
    },
  },
};

interface Undici {
  readonly request: (url: string, options: object) => Promise<{ body: Awaited<ReturnType<Get>> }>;
  readonly fetch: (url: string, options: object) => Promise<Response>;
  readonly Agent: new () => { compose(interceptor: unknown): object };
  readonly interceptors: { deduplicate(): unknown };
}

interface Wretch {
  readonly default: () => { middlewares(list: unknown[]): Wretcher };
}

interface Wretcher {
  url(url: string): { get(): { res(): Promise<Response> } };
}

interface WretchMiddlewares {
  readonly dedupe: () => unknown;
}

async function burst(get: Get, { reader, calls, origin, path }: Task): Promise<(string | ArrayBuffer)[]> {
  const one = async (): Promise<string | ArrayBuffer> => (await get(origin + path))[reader]();
  return Promise.all(Array.from({ length: calls }, one));
}

async function measure(task: Task): Promise<Figures> {
  const get = await contenders[task.contender]!.make();
  await collect();
  const { rss } = process.memoryUsage();
  for (const nth of [1, 2, 3]) await burst(get, { ...task, path: `${task.path}/warm-up-${nth}`, calls: 100 });

  await collect();
  const before = { ...process.memoryUsage(), cpu: process.cpuUsage(), time: performance.now() };
  const bodies = await burst(get, task);
  const wall = performance.now() - before.time;
  const { user, system } = process.cpuUsage(before.cpu);
  const peak = process.resourceUsage().maxRSS * 1_024;
  await collect();
  const { heapUsed, external } = process.memoryUsage();

  const correct = bodyOf(task.path);
  const decoder = new TextDecoder();
  const wrong = bodies.filter((body) => (typeof body === 'string' ? body : decoder.decode(body)) !== correct);
  return {
    cpu: (user + system) / 1_000,
    wall,
    peak: peak - rss,
    held: heapUsed + external - before.heapUsed - before.external,
    wrong: wrong.length,
  };
}

/** Memory outside the heap is released one turn of the event loop after its owner was collected. */
async function collect(): Promise<void> {
  for (let round = 0; round < 3; round += 1) {
    gc!();
    await new Promise(setImmediate);
  }
}

if (import.meta.main) {
  process.send!(await measure(JSON.parse(process.argv[2]!) as Task));
  process.exit(); // idle connections would keep the process alive
}
