/**
 * One client under load, in a process of its own, so that no contender pays for the garbage of another. Its arguments are
 * the name of the contender, the module that exports it, and the origin of the server. Each message starts a round.
 */
import { shapes, type Client, type ShapeName } from './shapes.ts';

export interface Task {
  readonly shape: ShapeName;
  /** The duration of the round, ms. */
  readonly time?: number;
  /** The number of requests after which the round ends earlier. */
  readonly requests?: number;
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
  /** The shapes that its API does not have. */
  readonly without?: readonly ShapeName[];
  /** It is measured in all shapes; the others in GET only, unless the command line names shapes or contenders. */
  readonly main?: true;
  /** Loads the contender. A process loads only the one that it measures. */
  readonly make: () => Client | Promise<Client>;
}

/** The number of concurrent requests. */
export const inFlight = 64;

export async function load(
  client: Client,
  origin: string,
  { shape, time = Infinity, requests: most = Infinity }: Task,
): Promise<Figures> {
  const { path, send } = shapes[shape];
  const latencies: number[] = [];
  let wrong = 0;
  const cpu = process.cpuUsage();
  const started = performance.now();
  // Each lane has a URL of its own: some contenders send concurrent requests for one URL once.
  const lane = async (_: unknown, id: number): Promise<void> => {
    const url = `${origin}${path}/${id}`;
    for (let now = performance.now(); now - started < time && latencies.length < most;) {
      if (!(await send(client, url))) wrong += 1;
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
  const [name, module, origin] = process.argv.slice(2) as [string, string, string];
  const { contenders } = (await import(module)) as { contenders: Readonly<Record<string, Contender>> };
  const client = await contenders[name]!.make();
  process.on('message', (task: Task) => {
    void load(client, origin, task).then((figures) => process.send!(figures));
  });
  process.on('disconnect', () => process.exit());
  process.send!('ready');
}
