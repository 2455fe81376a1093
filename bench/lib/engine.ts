/** What one call costs without one mechanism of src/core/engine. Run by `bench/engine.ts` in a process of its own. */
import { getHeapSpaceStatistics } from 'node:v8';

import { send, type GetJson } from './client.ts';
import { allocation, time } from './overhead.ts';
import { median } from './report.ts';
import { replaceEngine } from './without/hooks.ts';

export interface Task {
  /** The file of src/core/engine that is replaced; absent: none. */
  readonly without?: string;
  /** Rounds of `calls` calls each over a stub, and ms under load. */
  readonly chunks: number;
  readonly calls: number;
  readonly time: number;
  /** The server of the calls under load. */
  readonly origin: string;
}

export interface Figures {
  /** ns a call over a stub, the stub not included. */
  readonly time: number;
  /** Bytes a call over a stub. */
  readonly allocated: number;
  /** Bytes a call that young collections leave in the old space. */
  readonly left: number;
  /** us of CPU a request, 64 in flight. */
  readonly cpu: number;
  /** Requests/s, 64 in flight. */
  readonly rate: number;
}

const inFlight = 64;
const url = 'http://api.example/users';
const stub = async (): Promise<Response> =>
  new Response('{"ok":true}', { headers: { 'content-type': 'application/json' } });
const alone: GetJson = async () => (await stub()).json();
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function measure({ without, chunks, calls, time: loadTime, origin }: Task): Promise<Figures> {
  if (without !== undefined) replaceEngine(without);
  const { createFetch, standard } = await import('../../src/index.ts');
  const fetch = createFetch({ use: standard() });
  const getJson: GetJson = async (to) => (await fetch(to)).json();
  const platformFetch = globalThis.fetch;
  globalThis.fetch = stub;

  await time(getJson, 10 * calls);
  await time(alone, 10 * calls);
  const times: number[] = [];
  for (let chunk = 0; chunk < chunks; chunk += 1) times.push((await time(getJson, calls)) - (await time(alone, calls)));
  const allocated = (await allocation(getJson)) - (await allocation(alone));
  const left = await leftInOldSpace(calls);

  globalThis.fetch = platformFetch;
  await send(getJson, origin, { time: loadTime, inFlight });
  const { requests, wall, cpu } = await send(getJson, origin, { time: loadTime, inFlight });
  return { time: median(times), allocated, left, cpu, rate: (1_000 * requests) / wall };

  async function leftInOldSpace(count: number): Promise<number> {
    globalThis.fetch = async () => (await turn(), stub());
    const many = async (left: number): Promise<void> => {
      const lane = async (_: unknown, id: number): Promise<void> => {
        while (left-- > 0) await getJson(`${url}/${id}`);
      };
      await Promise.all(Array.from({ length: inFlight }).map(lane));
    };
    await many(3 * count);
    gc!();
    const before = oldSpace();
    await many(count);
    return (oldSpace() - before) / count;
  }
}

function oldSpace(): number {
  return getHeapSpaceStatistics().find(({ space_name }) => space_name === 'old_space')!.space_used_size;
}

process.send!(await measure(JSON.parse(process.argv[2]!) as Task));
process.exit();
