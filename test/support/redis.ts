/** A real Redis for tests, without data on disk and on a free port. `stop` ends it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { findRedis } from './lanes.ts';

export interface RedisServer {
  readonly port: number;
  /** For `createClient({ url })` of node-redis and `new Redis(url)` of ioredis. */
  readonly url: string;
  /** Keeps the connections and sends no response, like a server behind a black hole. */
  readonly freeze: () => void;
  readonly thaw: () => void;
  readonly stop: () => Promise<void>;
}

export async function startRedis(...options: string[]): Promise<RedisServer> {
  const command = findRedis();
  if (command === undefined) throw new Error('redis-server is not installed: apt-get install redis-server');
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'kyoa-redis-'));
  const server = spawn(
    command,
    ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--appendonly', 'no', ...options],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const exit = once(server, 'exit');
  const stop = async (): Promise<void> => {
    server.kill('SIGKILL');
    await exit;
    rmSync(folder, { recursive: true, force: true });
  };

  const lines: string[] = [];
  for await (const line of createInterface(server.stdout)) {
    lines.push(line);
    if (!line.includes('Ready to accept connections')) continue;
    // The output is read, because a full pipe would stop the server.
    server.stdout.resume();
    return {
      port,
      url: `redis://127.0.0.1:${port}`,
      freeze: () => server.kill('SIGSTOP'),
      thaw: () => server.kill('SIGCONT'),
      stop,
    };
  }
  await stop();
  throw new Error(`redis-server has ended: ${lines.join('\n')}`);
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
