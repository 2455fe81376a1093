/** Counts what passes between a lane and its network: requests at once, and bytes of bodies that were read. */
import type { Fetch } from '../network/simulated-fetch.ts';

export interface NetworkWatch {
  readonly fetch: Fetch;
  /** The most requests at once within the last `window` ms. */
  readonly most: () => number;
  readonly bytes: () => number;
  /** All requests. */
  readonly sent: () => number;
}

export function watchNetwork(inner: Fetch, now: () => number, window: number): NetworkWatch {
  /** The number of requests after each start, oldest first. */
  const starts: { readonly time: number; readonly atOnce: number }[] = [];
  let atOnce = 0;
  let bytes = 0;
  let sent = 0;

  const forget = (): void => {
    while (starts[0] !== undefined && starts[0].time < now() - window) starts.shift();
  };

  return {
    async fetch(input, init) {
      atOnce += 1;
      sent += 1;
      forget();
      starts.push({ time: now(), atOnce });
      try {
        const response = await inner(input, init);
        const counter = new TransformStream<Uint8Array, Uint8Array>({
          transform(chunk, controller) {
            bytes += chunk.length;
            controller.enqueue(chunk);
          },
        });
        const { status, headers } = response;
        return new Response(response.body?.pipeThrough(counter), { status, headers });
      } finally {
        atOnce -= 1;
      }
    },
    most() {
      forget();
      return Math.max(0, ...starts.map((start) => start.atOnce));
    },
    bytes: () => bytes,
    sent: () => sent,
  };
}
