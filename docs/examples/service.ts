/** A service that takes orders, calls a payment server, and shares its state with its other instances through Redis. */
import type { Server } from 'node:http';

import kyoa, { createHandler, flush, idempotency, observe, timeout, type KyoaEvent } from 'kyoa';
import { redis } from 'kyoa/redis';
import { createClient } from 'redis';

import { listen } from './node-http.ts';

export interface Service {
  readonly server: Server;
  /** Accepts no more requests, and resolves when the running ones have finished. */
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
  client.on('error', (error) => console.error(error)); // without a listener an error ends the process
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
      // The client's key is also the key of the payment: a repeated order is paid once.
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
      await flush(storage); // samples that are not yet written
      await client.close();
    },
  };
}
