/** A real etcd on free ports, with its data in a temporary folder. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Etcd extends AsyncDisposable {
  readonly address: string;
  put(key: string, value: string): Promise<void>;
}

export async function startEtcd(): Promise<Etcd> {
  const folder = await mkdtemp(join(tmpdir(), 'kyoa-etcd-'));
  const [client, peer] = [await freePort(), await freePort()];
  const [address, peers] = [`http://127.0.0.1:${client}`, `http://127.0.0.1:${peer}`];
  const args = {
    'data-dir': folder,
    'listen-client-urls': address,
    'advertise-client-urls': address,
    'listen-peer-urls': peers,
    'initial-advertise-peer-urls': peers,
    'initial-cluster': `default=${peers}`,
  };
  const child = spawn(
    'etcd',
    Object.entries(args).map(([name, value]) => `--${name}=${value}`),
    { stdio: 'ignore' },
  );
  const ended = once(child, 'close');
  const failed = once(child, 'error').then(([error]) =>
    Promise.reject(new Error('etcd does not start', { cause: error })),
  );
  const put = async (key: string, value: string): Promise<void> => {
    const base64 = (text: string): string => Buffer.from(text).toString('base64');
    const body = JSON.stringify({ key: base64(key), value: base64(value) });
    const response = await fetch(`${address}/v3/kv/put`, { method: 'POST', body });
    if (!response.ok) throw new Error(`etcd responded ${response.status}: ${await response.text()}`);
    await response.arrayBuffer();
  };
  await Promise.race([failed, ready(address)]);
  failed.catch(() => {});
  return {
    address,
    put,
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM');
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function ready(address: string): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const healthy = await fetch(`${address}/health`).then(
      (response) => response.text(),
      () => '',
    );
    if (healthy.includes('true')) return;
    await sleep(50);
  }
  throw new Error('etcd is not ready after 10 s');
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
