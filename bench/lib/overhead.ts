/** Measures what one contender adds to a transport that responds at once. `bench/overhead.ts` runs it in a process of its own. */
import type { GetJson } from './client.ts';
import { contenders } from './contenders.ts';
import { median } from './report.ts';

export interface Task {
  readonly contender: string;
  /** Chunks of `calls` calls, in turn with as many calls of the transport alone. */
  readonly chunks: number;
  readonly calls: number;
}

export interface Figures {
  /** ns per call. */
  readonly time: number;
  /** ns per call of the transport alone, in the same process. */
  readonly stub: number;
  /** Bytes per call. */
  readonly allocated: number;
  readonly stubAllocated: number;
}

const url = 'http://api.example/users';
const transport = async (): Promise<Response> =>
  new Response('{"ok":true}', { headers: { 'content-type': 'application/json' } });
const alone: GetJson = async () => (await transport()).json();

async function measure({ contender, chunks, calls }: Task): Promise<Figures> {
  globalThis.fetch = transport;
  const get = await contenders[contender]!.make();
  await time(get, 10 * calls);
  await time(alone, 10 * calls);
  const times: number[] = [];
  const stubs: number[] = [];
  for (let chunk = 0; chunk < chunks; chunk += 1) {
    times.push(await time(get, calls));
    stubs.push(await time(alone, calls));
  }
  const [allocated, stubAllocated] = [await allocation(get), await allocation(alone)];
  return { time: median(times), stub: median(stubs), allocated, stubAllocated };
}

export async function time(get: GetJson, calls: number): Promise<number> {
  const started = process.hrtime.bigint();
  for (let call = 0; call < calls; call += 1) await get(url);
  return Number(process.hrtime.bigint() - started) / calls;
}

/** The growth of the heap in so few calls that no collection runs: the young generation is large from the start. */
export async function allocation(get: GetJson): Promise<number> {
  const calls = 100;
  const samples: number[] = [];
  for (let sample = 0; sample < 5; sample += 1) {
    gc!();
    const before = process.memoryUsage().heapUsed;
    for (let call = 0; call < calls; call += 1) await get(url);
    samples.push((process.memoryUsage().heapUsed - before) / calls);
  }
  return median(samples);
}

if (import.meta.main) {
  process.send!(await measure(JSON.parse(process.argv[2]!) as Task));
  process.exit(); // some contenders leave timers
}
