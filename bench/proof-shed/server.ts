/** The server of `bench/proof-shed.ts`, in a process of its own: a handler whose capacity is a pool, or the one thread. */
import { pbkdf2Sync } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { createHandler, shed } from '../../src/index.ts';
import { lognormal, random } from '../lib/simulate.ts';

/** `pool`: 8 requests are served at a time, and the others wait in the handler. `cpu`: each request computes for some ms. */
export type Kind = 'pool' | 'cpu';

/** The first message of the process. */
export interface Listening {
  readonly origin: string;
}

const work: Readonly<Record<Kind, () => () => Promise<Response>>> = {
  pool() {
    const serviceTime = lognormal({ median: 100, sigma: 0.3, random: random(1) });
    const waiting: (() => void)[] = [];
    let free = 8;
    return async () => {
      if (free === 0) await new Promise<void>((resolve) => waiting.push(resolve));
      else free -= 1;
      await new Promise((resolve) => setTimeout(resolve, serviceTime()));
      const next = waiting.shift();
      if (next === undefined) free += 1;
      else next();
      return Response.json({ ok: true });
    };
  },
  cpu: () => async () => {
    pbkdf2Sync('kyoa', 'salt', 20_000, 32, 'sha256');
    return Response.json({ ok: true });
  },
};

if (import.meta.main) {
  const [kind, how] = process.argv.slice(2) as [Kind, string];
  const handle = createHandler({ use: how === 'shed' ? [shed()] : [] }, work[kind]());
  const server = createServer(getRequestListener((request) => handle(request)));
  server.keepAliveTimeout = 60_000;
  process.on('disconnect', () => process.exit());
  server.listen({ port: 0, host: '127.0.0.1', backlog: 4_096 }, () => {
    const { port } = server.address() as AddressInfo;
    process.send!({ origin: `http://127.0.0.1:${port}` } satisfies Listening);
  });
}
