/** A real etcd for tests, on free ports, with its data in a folder of its own. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { findEtcd } from './lanes.ts';
import { freePort } from './redis.ts';

export interface Etcd extends AsyncDisposable {
  readonly port: number;
  readonly address: string;
  /** Resolves to the revision of the write. */
  put(key: string, value: string | Buffer): Promise<string>;
  delete(key: string): Promise<string>;
  /** Forgets what was before the present revision. */
  compact(): Promise<void>;
  /** With a user for root and one that may read one key, both with the password `s3cret`. */
  enableAuth(user: string, key: string): Promise<void>;
  /** Changes a role, which makes a token of the kind `jwt` old. */
  changeRole(name: string): Promise<void>;
  /** Takes the tokens of the user back. */
  forget(user: string): Promise<void>;
  kill(): Promise<void>;
  /** Starts again, with the same data at the same port. */
  start(): Promise<void>;
  /** Keeps the connections and sends nothing. */
  freeze(): void;
  thaw(): void;
}

export async function startEtcd(...more: string[]): Promise<Etcd> {
  const command = findEtcd();
  if (command === undefined) throw new Error('etcd is not installed: apt-get install etcd-server');
  const [port, peerPort] = [await freePort(), await freePort()];
  const [address, peer] = [`http://127.0.0.1:${port}`, `http://127.0.0.1:${peerPort}`];
  const folder = mkdtempSync(join(tmpdir(), 'kyoa-etcd-'));
  const options = Object.entries({
    '--data-dir': folder,
    '--listen-client-urls': address,
    '--advertise-client-urls': address,
    '--listen-peer-urls': peer,
    '--initial-advertise-peer-urls': peer,
    '--initial-cluster': `default=${peer}`,
  }).flat();
  let child: ChildProcess | undefined;
  let token: string | undefined;

  const start = async (): Promise<void> => {
    const server = spawn(command, [...options, ...more], { stdio: ['ignore', 'ignore', 'pipe'] });
    child = server;
    const lines: string[] = [];
    for await (const line of createInterface(server.stderr)) {
      lines.push(line);
      if (!line.includes('ready to serve client requests')) continue;
      // The output is read, because a full pipe would stop the server.
      server.stderr.resume();
      return;
    }
    throw new Error(`etcd has ended: ${lines.join('\n')}`);
  };
  const kill = async (): Promise<void> => {
    if (child === undefined) return;
    const exit = once(child, 'exit');
    child.kill('SIGKILL');
    await exit;
    child = undefined;
  };

  const call = async <Result>(path: string, body: object): Promise<Result> => {
    const headers = token === undefined ? {} : { authorization: token };
    const response = await fetch(`${address}/v3/${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
    if (!response.ok) throw new Error(`${path}: ${await response.text()}`);
    return (await response.json()) as Result;
  };
  const base64 = (value: string | Buffer): string => Buffer.from(value).toString('base64');
  const write = async (path: string, body: object): Promise<string> => {
    const { header } = await call<{ header: { revision: string } }>(path, body);
    return header.revision;
  };

  await start();
  return {
    port,
    address,
    put: (key, value) => write('kv/put', { key: base64(key), value: base64(value) }),
    delete: (key) => write('kv/deleterange', { key: base64(key) }),
    async compact() {
      const revision = await write('kv/range', { key: base64('any') });
      await call('kv/compaction', { revision, physical: true });
    },
    async enableAuth(user, key) {
      for (const name of ['root', user]) {
        await call('auth/user/add', { name, password: 's3cret' });
        await call('auth/role/add', { name });
        await call('auth/user/grant', { user: name, role: name });
      }
      const perm = { permType: 'READ', key: base64(key) };
      await call('auth/role/grant', { name: user, perm });
      await call('auth/enable', {});
      ({ token } = await call<{ token: string }>('auth/authenticate', { name: 'root', password: 's3cret' }));
    },
    async changeRole(name) {
      await call('auth/role/grant', { name, perm: { permType: 'READ', key: base64('another') } });
    },
    async forget(name) {
      await call('auth/user/changepw', { name, password: 's3cret' });
    },
    kill,
    start,
    freeze: () => child?.kill('SIGSTOP'),
    thaw: () => child?.kill('SIGCONT'),
    async [Symbol.asyncDispose]() {
      await kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
