/** A service that takes orders, asks a payment server, and shares its state with its other instances through Redis. */
import type { Server } from 'node:http';

import kyoa, { createHandler, flush, idempotency, observe, timeout, type KyoaEvent } from 'kyoa';
import { redis } from 'kyoa/redis';
import { createClient } from 'redis';

import { listen } from './node-http.ts';

export interface Service {
  readonly server: Server;
  /** Takes no more requests, and leaves when those that came are answered. */
  stop(): Promise<void>;
}

export interface Settings {
  readonly port: number;
  readonly redisUrl: string;
  readonly paymentUrl: string;
  readonly log: (event: KyoaEvent) => void;
}

export async function start({ port, redisUrl, paymentUrl, log }: Settings): Promise<Service> {
  const client = createClient({ url: redisUrl });
  client.on('error', (error) => console.error(error)); // without a listener it ends the process
  await client.connect();
  const storage = redis(client, { prefix: 'shop:' });

  const payments = kyoa
    .create({
      baseUrl: paymentUrl,
      storage,
    })
    .extend({ use: (stack) => [observe(log), ...stack] });

  const handle = createHandler(
    { storage, use: [observe(log), idempotency({ required: true }), timeout(10_000)] },
    async (request, ctx) => {
      const order = (await request.json()) as { readonly amount: number };
      // The client's key names the payment, too: however often this order comes, it is paid once.
      const requestId = request.headers.get('idempotency-key')!;
      const payment = await payments.post('payments', { json: order, requestId, signal: ctx.signal }).json();
      return Response.json({ payment }, { status: 201 });
    },
  );

  const server = listen(handle, port);
  return {
    server,
    async stop() {
      await new Promise((resolve) => server.close(resolve));
      await flush(storage); // what was learnt and not yet written
      await client.close();
    },
  };
}
