/** docs/examples/serve.ts as a process of its own, on a real Redis, ended by SIGTERM in the middle of an order. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { createClient } from 'redis';
import { expect, test } from 'vitest';

import { root } from '../support/lanes.ts';
import { freePort, startRedis } from '../support/redis.ts';

test(
  'SIGTERM lets an order end, refuses new ones, and leaves its response in the store',
  { timeout: 120_000 },
  async () => {
    if (!existsSync(join(root, 'dist'))) execFileSync('npm', ['run', 'build'], { cwd: root });
    const redis = await startRedis();
    const payments = createServer();
    const payment = once(payments, 'request') as Promise<[IncomingMessage, ServerResponse]>;
    payments.listen(0, '127.0.0.1');
    await once(payments, 'listening');
    const port = await freePort();
    const service = spawn(process.execPath, [join(root, 'docs/examples/serve.ts')], {
      env: {
        ...process.env,
        PORT: String(port),
        REDIS_URL: redis.url,
        PAYMENT_URL: `http://127.0.0.1:${(payments.address() as AddressInfo).port}/`,
      },
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    const exit = once(service, 'exit');
    const order = () =>
      fetch(`http://127.0.0.1:${port}/orders`, {
        method: 'POST',
        body: '{"amount":12}',
        headers: { 'idempotency-key': 'order-42' },
      });
    const isUp = () =>
      fetch(`http://127.0.0.1:${port}/`).then(
        () => true,
        () => false,
      );
    try {
      while (!(await isUp())) await sleep(50);
      const running = order();
      const [, paying] = await payment;
      service.kill('SIGTERM');
      while (await isUp()) await sleep(50);
      paying.writeHead(201, { 'content-type': 'application/json' }).end('{"number":7}');
      const response = await running;
      expect([response.status, await response.json()]).toEqual([201, { payment: { number: 7 } }]);
      expect(await exit).toEqual([0, null]);

      const client = await createClient({ url: redis.url }).connect();
      const records = await client.keys('*order-42*');
      await client.close();
      expect(records.length).toBeGreaterThan(0);
    } finally {
      service.kill('SIGKILL');
      payments.closeAllConnections();
      payments.close();
      await redis.stop();
    }
  },
);
