import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';

import { undici } from '../../../../adapters/transport/undici/undici.ts';
import { settled } from '../../../support/origin.ts';
import { deferred } from '../../../support/promises.ts';
import { streamed } from '../../../lib/body/watched.ts';

/** The number of unread bytes at which the transport stops to read the socket. */
const limit = 64 * 1024;

/** What is on its way between two sockets of this process has arrived by then. */
async function arrival(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await settled();
}

test.for(Object.entries(streamed))(
  'a body is read to its end by %s if the server is silent after the bytes at which the transport stops to read',
  async ([_how, read]) => {
    const rest = deferred();
    const server = createServer(async (_request, response) => {
      response.writeHead(200, { 'content-length': limit + 4 });
      response.write('x'.repeat(limit));
      await rest.promise;
      response.end('rest');
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const fetch = undici();
    const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    await arrival();
    const text = read(response.body!);
    await arrival();
    rest.resolve();
    expect(await text).toHaveLength(limit + 4);
    await fetch.close();
    server.close();
  },
);
