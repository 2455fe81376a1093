/** Reports how many bytes 3,000 calls leave in the old space. `survivors.test.ts` runs it with `--expose-gc`. */
import { getHeapSpaceStatistics } from 'node:v8';

import { undici } from '../../adapters/transport/undici/undici.ts';
import kyoa, { createFetch, standard, type Fetch } from '../../src/index.ts';

const [how, origin] = process.argv.slice(2) as ['standard' | 'undici' | 'client', string];
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const stub = async (): Promise<Response> => (await turn(), new Response('{"ok":true}'));
const fetches: Record<typeof how, () => Fetch> = {
  standard: () => createFetch({ use: standard(), fetch: stub }),
  undici,
  client: () => kyoa.create({ fetch: stub }),
};
const fetch = fetches[how]();

async function calls(count: number): Promise<void> {
  let made = 0;
  const lane = async (_: unknown, id: number): Promise<void> => {
    while (made++ < count) await (await fetch(`${origin}items/${id}`)).json();
  };
  await Promise.all(Array.from({ length: 64 }).map(lane));
}

function old(): number {
  return getHeapSpaceStatistics().find(({ space_name }) => space_name === 'old_space')!.space_used_size;
}

await calls(6_000); // the code is compiled
const going = calls(1_000);
await turn();
gc!(); // objects of calls in flight move to the old space
await going;
const before = old();
const count = 3_000;
await calls(count);
process.send!((old() - before) / count);
process.disconnect();
process.exit();
