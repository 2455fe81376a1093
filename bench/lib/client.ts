/**
 * One client under load, in a process of its own, so that no contender pays for the garbage of another. Its arguments are
 * the module of the contenders, the name of one, and the origin of the server. Each message starts a round.
 */
import { items } from './json-server.ts';

export interface Task {
  /** The duration of the round, ms, and the number of concurrent requests. */
  readonly time: number;
  readonly inFlight: number;
}

export interface Figures {
  readonly requests: number;
  readonly wrong: number;
  /** The duration, ms. */
  readonly wall: number;
  /** CPU time of all threads per request, us. */
  readonly cpu: number;
  /** ms. */
  readonly p50: number;
  readonly p99: number;
}

export interface Contender {
  /** Packages that must be installed. */
  readonly packages?: readonly string[];
  /** Loads the contender. A process loads only the one that it measures. */
  readonly make: () => GetJson | Promise<GetJson>;
}

/** Resolves to the parsed body of the response. */
export type GetJson = (url: string) => Promise<unknown>;

export async function send(get: GetJson, origin: string, { time, inFlight }: Task): Promise<Figures> {
  const latencies: number[] = [];
  let wrong = 0;
  const cpu = process.cpuUsage();
  const started = performance.now();
  // Each lane has a URL of its own: some contenders send concurrent requests for one URL once.
  const lane = async (_: unknown, id: number): Promise<void> => {
    const url = `${origin}/items/${id}`;
    for (let now = performance.now(); now - started < time;) {
      const body = (await get(url)) as { items?: { length: number } };
      if (body.items?.length !== items) wrong += 1;
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
  const [module, name, origin] = process.argv.slice(2) as [string, string, string];
  const { contenders } = (await import(module)) as { contenders: Readonly<Record<string, Contender>> };
  const get = await contenders[name]!.make();
  process.on('message', (task: Task) => {
    void send(get, origin, task).then((figures) => process.send!(figures));
  });
  process.on('disconnect', () => process.exit());
  process.send!('ready');
}
