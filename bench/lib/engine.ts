/** What one call costs without one mechanism of src/core/engine. Run by `bench/engine.ts` in a process of its own. */
import { getHeapSpaceStatistics } from 'node:v8';

import { inFlight, load } from './client.ts';
import { asFetch } from './clients.ts';
import { allocation, time } from './overhead.ts';
import { median } from './report.ts';
import { shapes, type ShapeName } from './shapes.ts';
import { stub } from './stub.ts';
import { replaceEngine } from './without/hooks.ts';

export interface Task {
  /** The file of src/core/engine that is replaced; absent: none. */
  readonly without?: string;
  readonly shape: ShapeName;
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
  readonly wrong: number;
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function measure({ without, shape, chunks, calls, time: loadTime, origin }: Task): Promise<Figures> {
  if (without !== undefined) replaceEngine(without);
  const { createFetch, standard } = await import('../../src/index.ts');
  const client = asFetch(createFetch({ use: standard() }));
  const { path, send } = shapes[shape];
  const url = `http://api.example${path}`;
  const transport = stub(shapes[shape]);
  const alone = asFetch(transport);
  const [mine, stubs] = [() => send(client, url), () => send(alone, url)];
  const platformFetch = globalThis.fetch;
  globalThis.fetch = transport;

  await time(mine, 10 * calls);
  await time(stubs, 10 * calls);
  const times: number[] = [];
  for (let chunk = 0; chunk < chunks; chunk += 1) times.push((await time(mine, calls)) - (await time(stubs, calls)));
  const allocations: number[] = [];
  for (let sample = 0; sample < 5; sample += 1) {
    allocations.push((await allocation(mine)) - (await allocation(stubs)));
  }
  const left = await leftInOldSpace(calls);

  globalThis.fetch = platformFetch;
  await load(client, origin, { shape, time: loadTime });
  const { requests, wrong, wall, cpu } = await load(client, origin, { shape, time: loadTime });
  return { time: median(times), allocated: median(allocations), left, cpu, rate: (1_000 * requests) / wall, wrong };

  async function leftInOldSpace(count: number): Promise<number> {
    globalThis.fetch = async () => (await turn(), transport());
    const many = async (left: number): Promise<void> => {
      const lane = async (_: unknown, id: number): Promise<void> => {
        while (left-- > 0) await send(client, `${url}/${id}`);
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
