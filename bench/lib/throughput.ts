/** Requests a second of one contender against a server. Run by `bench/throughput.ts` in a process of its own. */
import { contenders, type GetJson } from './contenders.ts';

export interface Task {
  readonly contender: string;
  readonly url: string;
  readonly inFlight: number;
  readonly calls: number;
}

export interface Figures {
  readonly rate: number;
  /** us a call, of all threads. */
  readonly cpu: number;
}

async function measure({ contender, url, inFlight, calls }: Task): Promise<Figures> {
  const get = await contenders[contender]!.make();
  const path = paths(url);
  await run(get, path, inFlight, calls / 4);
  const before = process.cpuUsage();
  const started = performance.now();
  await run(get, path, inFlight, calls);
  const seconds = (performance.now() - started) / 1_000;
  const { user, system } = process.cpuUsage(before);
  return { rate: calls / seconds, cpu: (user + system) / calls };
}

/** Each a URL of its own, or whoever has a dedupe would send but one of them. */
function paths(url: string): () => string {
  let call = 0;
  return () => `${url}/${(call += 1)}`;
}

async function run(get: GetJson, path: () => string, inFlight: number, calls: number): Promise<void> {
  let left = calls;
  const lane = async (): Promise<void> => {
    while ((left -= 1) >= 0) await get(path());
  };
  await Promise.all(Array.from({ length: inFlight }, lane));
}

if (import.meta.main) {
  process.send!(await measure(JSON.parse(process.argv[2]!) as Task));
  process.exit(); // idle connections need not be waited for
}
