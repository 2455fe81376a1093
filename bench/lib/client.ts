/**
 * One client under load, in a process of its own: no contender pays for another's garbage. Given the module with its
 * `contenders`, its name there, and the origin; then a message for every round.
 */
import { items } from './json-server.ts';

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

export interface Contender {
  /** What must be installed for it. */
  readonly packages?: readonly string[];
  /** Loads it: a process has but the one that it measures. */
  readonly make: () => GetJson | Promise<GetJson>;
}

/** The body of the answer, parsed. */
export type GetJson = (url: string) => Promise<unknown>;

export async function send(get: GetJson, origin: string, { time, inFlight }: Task): Promise<Figures> {
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
  const [module, name, origin] = process.argv.slice(2) as [string, string, string];
  const { contenders } = (await import(module)) as { contenders: Readonly<Record<string, Contender>> };
  const get = await contenders[name]!.make();
  process.on('message', (task: Task) => {
    void send(get, origin, task).then((figures) => process.send!(figures));
  });
  process.on('disconnect', () => process.exit());
  process.send!('ready');
}
