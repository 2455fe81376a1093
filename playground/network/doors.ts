/**
 * A way round a limit of browsers that would be the whole show: six connections to an origin over HTTP/1.1, which a
 * dozen slow answers take up, so that everything else waits in a queue of the browser's own. The server listens on
 * further ports, its doors, and each read goes through the least busy one. Above this the URL is the same for all.
 */
import type { Fetch } from './simulated-fetch.ts';

interface Door {
  readonly origin: string;
  busy: number;
}

/** Each half of the ports serves one lane, so that neither waits for what the other one has sent. */
export function openDoors(origin: string, ports: readonly number[]): Fetch {
  const doors = ports.map((port): Door => {
    const url = new URL(origin);
    url.port = String(port);
    return { origin: url.origin, busy: 0 };
  });
  const halves = [doors.filter((_, i) => i % 2 === 0), doors.filter((_, i) => i % 2 === 1)];

  return async function fetch(input, init) {
    const request = input instanceof Request ? input : new Request(input, init);
    const half = halves[request.url.includes('/plain/') ? 0 : 1] ?? [];
    // What has a body goes by the front door: a page cannot send a stream over HTTP/1.1, and there is little of it.
    if (half.length === 0 || request.body !== null || !request.url.startsWith(origin)) {
      return globalThis.fetch(input, init);
    }
    const door = half.reduce((least, other) => (other.busy < least.busy ? other : least));
    const { method, headers, cache } = request;
    door.busy += 1;
    try {
      const url = door.origin + request.url.slice(origin.length);
      return await globalThis.fetch(url, { method, headers, cache, signal: init?.signal ?? request.signal });
    } finally {
      door.busy -= 1;
    }
  };
}
