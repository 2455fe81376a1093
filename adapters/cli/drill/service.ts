/** The service that a drill calls: a server on loopback, in place of every host. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';

import type { Fetch } from '../../../src/index.ts';

export interface Service {
  /** Sends a request for any host to this server. */
  readonly fetch: Fetch;
  close(): Promise<void>;
}

const body = JSON.stringify({ ok: true, items: Array.from({ length: 8 }, (_, id) => ({ id })) });

export async function startService([least, most]: readonly [number, number]): Promise<Service> {
  const server = createServer((request, response) => {
    const respond = (): void => void response.setHeader('content-type', 'application/json').end(body);
    request.resume().on('end', () => setTimeout(respond, least + Math.random() * (most - least)));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    fetch(input, init) {
      const { pathname, search } = new URL(input instanceof Request ? input.url : input);
      const url = `${origin}${pathname}${search}`;
      return globalThis.fetch(input instanceof Request ? new Request(url, input) : url, init);
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
