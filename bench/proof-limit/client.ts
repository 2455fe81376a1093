/**
 * One process of the fleet of `proof:limit`: it sends requests without end, under limits that it shares. argv: the URL of
 * Redis, the URL of the server, the options of the limit as JSON, how many calls to make at a time, the lease in ms. It
 * writes a line when it begins, one for each call that failed, and one when its event loop was late.
 */
import { createClient } from 'redis';

import { shared } from '../../adapters/storage/redis.ts';
import { createFetch, limit } from '../../src/index.ts';

const [redisUrl = '', url = '', options = '', callers = '', lease = ''] = process.argv.slice(2);
let last = performance.now();
const client = createClient({ url: redisUrl });
client.on('error', () => {});
await client.connect();

const across = shared(client, { lease: Number(lease) });
const send = (input: string | URL | Request, init?: RequestInit): Promise<Response> =>
  fetch(input, { ...init, headers: { 'x-sent': String(performance.timeOrigin + performance.now()) } });
const limited = createFetch({ use: [limit({ ...JSON.parse(options), across, queue: 1_000 })], fetch: send });

console.log('ready');
setInterval(reportLag, 10);
await Promise.all(Array.from({ length: Number(callers) }, call));

async function call(): Promise<never> {
  for (;;) {
    try {
      await (await limited(url)).text();
    } catch (error) {
      console.log(String(error));
    }
  }
}

/** Above 50 ms. */
function reportLag(): void {
  const lag = performance.now() - last - 10;
  last = performance.now();
  if (lag > 50) console.log(`late ${Math.round(lag)}`);
}
