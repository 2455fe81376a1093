/** A real Redis for tests, without data on disk and on a free port. `stop` ends it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
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
  /** Kills the server and starts another one on the same port, with the data on disk if there are any, or empty. */
  readonly restart: (data?: 'empty') => Promise<void>;
  readonly stop: () => Promise<void>;
}

export async function startRedis(...options: string[]): Promise<RedisServer> {
  const command = findRedis();
  if (command === undefined) throw new Error('redis-server is not installed: apt-get install redis-server');
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'kyoa-redis-'));
  const flags = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder];
  const launch = () => launchServer(command, [...flags, '--save', '', '--appendonly', 'no', ...options]);
  let server = await launch();
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    freeze: () => server.process.kill('SIGSTOP'),
    thaw: () => server.process.kill('SIGCONT'),
    async restart(data) {
      await server.kill();
      if (data === 'empty') {
        rmSync(folder, { recursive: true });
        mkdirSync(folder);
      }
      server = await launch();
    },
    async stop() {
      await server.kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function launchServer(command: string, flags: readonly string[]) {
  const server = spawn(command, flags, { stdio: ['ignore', 'pipe', 'inherit'] });
  const exit = once(server, 'exit');
  const kill = async (): Promise<void> => {
    server.kill('SIGKILL');
    await exit;
  };
  const lines: string[] = [];
  for await (const line of createInterface(server.stdout)) {
    lines.push(line);
    if (!line.includes('Ready to accept connections')) continue;
    // The output is read, because a full pipe would stop the server.
    server.stdout.resume();
    return { process: server, kill };
  }
  await kill();
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
