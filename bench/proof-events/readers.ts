/** Ways to read a feed. This file runs in Node and in a page. */
import kyoa, { createFetch, standard, type Fetch } from '../../src/index.ts';
import { events, type EventsApi } from '../../src/events.ts';

/** Calls `receive` with the data of each event until it returns false. */
export type Reader = (url: string, receive: (data: string) => boolean) => Promise<void>;

const kyoas =
  (api: EventsApi): Reader =>
  async (url, receive) => {
    for await (const { data } of events(api, url)) if (!receive(data)) return;
  };

export function readers(transports: Readonly<Record<string, Fetch>>): Record<string, Reader> {
  return Object.fromEntries(
    Object.entries(transports).flatMap(([name, fetch]) => [
      [`events(${name})`, kyoas(fetch)],
      [`events(createFetch), ${name}`, kyoas(createFetch({ use: standard(), fetch }))],
      [`events(kyoa), ${name}`, kyoas(kyoa.create({ fetch }))],
    ]),
  );
}

export interface Received {
  readonly missing: number;
  readonly twice: number;
  readonly seconds: number;
}

/** Reads the events 1 to `total`. */
export async function read(reader: Reader, url: string, total: number): Promise<Received> {
  const seen = new Set<string>();
  const started = performance.now();
  let twice = 0;
  await reader(url, (data) => {
    if (seen.has(data)) twice += 1;
    seen.add(data);
    return data !== String(total);
  });
  return { missing: total - seen.size, twice, seconds: Math.round((performance.now() - started) / 100) / 10 };
}
