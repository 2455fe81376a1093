/** A process that posts orders, one after another in a lane, through an outbox over a file. It says how each call has ended. */
import { file } from '../../adapters/storage/file.ts';
import { createFetch } from '../../src/index.ts';
import { outbox } from '../../src/outbox.ts';

const [url = '', path = '', lease = '', ...ids] = process.argv.slice(2);
const box = outbox({ lease: Number(lease), backoff: () => 50, wait: 60_000 });
const api = createFetch({ use: [box], storage: file(path, { durability: 'process' }) });
const keepsAlive = setInterval(() => {}, 1_000);
process.on('disconnect', () => clearInterval(keepsAlive));
const post = async (id: string): Promise<void> => {
  const { status } = await api(url, { method: 'POST', body: id, requestId: id });
  process.send!(`${id} ${status}`);
};
await Promise.all(ids.map(post));
