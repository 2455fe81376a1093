/** `resume` together with the policies around it, through each entry point. */
import { describe, expect, test, vi } from 'vitest';
import kyoa, {
  BodySizeError,
  constant,
  dedupe,
  endpoints,
  hedge,
  maxBody,
  memory,
  observe,
  race,
  retry,
  staleIfError,
  standard,
  type KyoaEvent,
} from '../../src/index.ts';
import { createFetch } from '../../src/fetch.ts';
import { atOnce, drain, scene, ways } from '../middleware/resume/ways.ts';
import { bytesOf, cuttingServer } from '../support/cutting.ts';
import { reasonOf } from '../support/promises.ts';

const kB = 1_000;
const file = bytesOf(300 * kB);

describe.each(ways)('resume on $name', (way) => {
  test('gives each sharer of dedupe the whole body', async () => {
    await using at = await scene(way, file);
    at.server.cuts.push(50 * kB, 100 * kB);
    const fetch = at.through(dedupe(), atOnce());
    const bodies = await Promise.all(Array.from({ length: 20 }, async () => (await fetch(at.url)).bytes()));
    expect(bodies.every((body) => Buffer.from(body).equals(file))).toBe(true);
    expect(at.server.requests).toHaveLength(3);
  });

  test('lets staleIfError store the whole, and nothing of a body that broke off for good', async () => {
    await using at = await scene(way, file);
    const storage = memory();
    const sets = vi.spyOn(storage, 'set');
    const fetch = at.through(staleIfError({ storage }), atOnce({ continuations: 1 }));
    at.server.cuts.push(50 * kB, 0);
    await reasonOf(drain(await fetch(at.url)));
    expect(sets).not.toHaveBeenCalled();

    at.server.cuts.push(50 * kB);
    expect(Buffer.from(await drain(await fetch(at.url))).equals(file)).toBe(true);
    await vi.waitFor(() => expect(sets).toHaveBeenCalledTimes(1));
    at.server.change = (reply) => void Object.assign(reply, { status: 500 });
    expect(Buffer.from(await (await fetch(at.url)).bytes()).equals(file)).toBe(true);
  });

  test('is limited by maxBody outside it as a whole, and by one inside it for each response', async () => {
    await using at = await scene(way, file);
    at.server.change = (reply) => void delete reply.headers['content-length'];
    at.server.cuts.push(150 * kB);
    const outside = await at.through(maxBody(200 * kB), atOnce())(at.url);
    expect(await reasonOf(drain(outside))).toBeInstanceOf(BodySizeError);
    at.server.cuts.push(150 * kB);
    const inside = await at.through(atOnce(), maxBody(200 * kB))(at.url);
    expect(Buffer.from(await drain(inside)).equals(file)).toBe(true);
    const tooLong = await at.through(atOnce(), maxBody(200 * kB))(at.url);
    expect(await reasonOf(tooLong.text())).toBeInstanceOf(BodySizeError);
    expect(at.server.requests).toHaveLength(5);
  });

  test('retries a further request like the first one', async () => {
    await using at = await scene(way, file);
    at.server.cuts.push(50 * kB);
    at.server.change = (reply, request) => void ([2, 3].includes(request) && Object.assign(reply, { status: 503 }));
    const response = await at.through(atOnce({ continuations: 1 }), retry({ backoff: constant(0) }))(at.url);
    expect(Buffer.from(await drain(response)).equals(file)).toBe(true);
    const attempts = at.events.flatMap((event) => (event.type === 'attempt.sent' ? event.attempt : []));
    expect(attempts).toEqual([1, 2, 3, 4]);
  });

  test('works outside hedge, race and endpoints, also where another server has the rest', async () => {
    await using at = await scene(way, file);
    await using other = await cuttingServer(file, { version: way.version });
    const [first, second] = [at, { url: other.url }].map(({ url }) => new URL(url).origin) as [string, string];
    for (const inner of [
      hedge({ delay: 0 }),
      race([first, second]),
      endpoints([{ url: first }, { url: second }], { pick: 'weighted' }),
    ]) {
      at.server.cuts.splice(0, Infinity, 50 * kB, 60 * kB, 70 * kB);
      other.cuts.splice(0, Infinity, 50 * kB, 60 * kB, 70 * kB);
      const response = await at.through(atOnce(), inner)(at.url);
      expect(Buffer.from(await drain(response)).equals(file)).toBe(true);
    }
  });

  test('is part of the standard stack and of the client, whose progress counts the whole once', async () => {
    const text = JSON.stringify('x'.repeat(200 * kB));
    await using at = await scene(way, new TextEncoder().encode(text));
    const events: KyoaEvent[] = [];
    const stack = [observe((event) => events.push(event)), ...standard({ resume: { backoff: constant(0) } })];
    const through = at.through(); // the transport alone
    const api = kyoa.create({ use: stack, fetch: through });
    at.server.cuts.push(50 * kB, undefined, 50 * kB, undefined, 50 * kB, 60 * kB);
    expect(await api.get(at.url).json()).toBe('x'.repeat(200 * kB));
    expect(await api.get(at.url).text()).toBe(text);
    const progress: number[] = [];
    const onDownloadProgress = ({ transferredBytes }: { transferredBytes: number }): void =>
      void progress.push(transferredBytes);
    expect(await api.get(at.url, { onDownloadProgress }).text()).toBe(text);
    expect(progress).toEqual(progress.toSorted((a, b) => a - b));
    expect(progress.at(-1)).toBe(text.length);
    expect(events.filter(({ type }) => /^resume\.(continued|restarted)$/.test(type))).toHaveLength(4);
  });
});

test('a long body that breaks off often takes no more memory than its chunks', { timeout: 60_000 }, async () => {
  const long = bytesOf(2_000 * kB);
  for (const headers of [{ etag: '"one"' }, {}]) {
    await using server = await cuttingServer(long, { headers });
    const fetch = createFetch({ use: [atOnce({ budget: false, compare: 2_000 * kB })] });
    const once = async (): Promise<void> => {
      server.cuts.push(500 * kB, 700 * kB, 1_200 * kB);
      for await (const _ of (await fetch(server.url)).body!);
    };
    for (let n = 0; n < 5; n += 1) await once();
    const used = (): number => {
      for (let n = 0; n < 3; n += 1) globalThis.gc!();
      const { heapUsed, arrayBuffers } = process.memoryUsage();
      return heapUsed + arrayBuffers;
    };
    const before = used();
    for (let n = 0; n < 20; n += 1) await once();
    await new Promise((resolve) => setImmediate(resolve));
    expect(used() - before).toBeLessThan(4_000 * kB); // 20 bodies are 40 MB
  }
});
