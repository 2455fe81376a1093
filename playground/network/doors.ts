/**
 * Browsers open at most six connections to an origin over HTTP/1.1. A few slow responses occupy all of them, and every
 * other request then waits in the browser's queue, which would hide what the policies do. Therefore the server listens
 * on additional ports, called doors, and a request goes to the least busy door. The policies see the same origin in
 * every URL.
 */
import type { Fetch } from './simulated-fetch.ts';

interface Door {
  readonly origin: string;
  busy: number;
}

/**
 * Half of the doors serve each lane, so that the requests of one lane never wait for those of the other. Every request
 * names the visit, by which the server knows the settings that apply. The policies do not see it.
 */
export function openDoors(origin: string, ports: readonly number[], visit: string): Fetch {
  const doors = ports.map((port): Door => {
    const url = new URL(origin);
    url.port = String(port);
    return { origin: url.origin, busy: 0 };
  });
  const halves = [doors.filter((_, i) => i % 2 === 0), doors.filter((_, i) => i % 2 === 1)];

  return async function fetch(input, init) {
    const request = input instanceof Request ? input : new Request(input, init);
    const half = halves[request.url.includes('/plain/') ? 0 : 1] ?? [];
    if (!request.url.startsWith(origin)) return globalThis.fetch(input, init);
    const path = `${request.url.slice(origin.length)}${request.url.includes('?') ? '&' : '?'}visit=${visit}`;
    // A page cannot send the stream of `request.body` over HTTP/1.1, but the body of `init`.
    if (half.length === 0 || request.body !== null) {
      return globalThis.fetch(input instanceof Request ? input : origin + path, init);
    }
    const door = half.reduce((least, other) => (other.busy < least.busy ? other : least));
    const { method, headers, cache } = request;
    door.busy += 1;
    try {
      return await globalThis.fetch(door.origin + path, {
        method,
        headers,
        cache,
        signal: init?.signal ?? request.signal,
      });
    } finally {
      door.busy -= 1;
    }
  };
}
