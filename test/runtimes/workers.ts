/** Cloudflare Workers, in their own runtime, workerd. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { bundle } from './bundle.ts';
import { installed, versionOf } from './cache.ts';
import type { Check, Runtime } from './capabilities.ts';
import { repeated, type Outcome } from './outcomes.ts';
import type { Server } from './server.ts';

/** The checks of what many requests of one Worker do to each other. */
const together = join(import.meta.dirname, 'workerd/run.ts');

const without = {
  '`dedupe`': 'sends each call',
  'storage: `kyoa/file`': 'no files',
  'storage: `kyoa/indexeddb`': 'no IndexedDB',
  'transport: `kyoa/undici`': 'no sockets',
};

export function workers({ origin }: Server): Runtime {
  return {
    name: 'Workers (workerd)',
    column: 'Workers',
    without,
    async run(check) {
      const folder = installed('workerd', ['workerd@1']);
      const work = mkdtempSync(join(tmpdir(), 'kyoa-worker-'));
      writeFileSync(join(work, 'worker.mjs'), await bundle(join(import.meta.dirname, 'worker.ts'), 'es'));
      writeFileSync(join(work, 'config.capnp'), config);
      const command = join(folder, 'node_modules/workerd/bin/workerd');
      const child = spawn(command, ['serve', '--control-fd=3', join(work, 'config.capnp')], {
        stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
        timeout: 120_000,
      });
      const ended = once(child, 'close');
      try {
        const port = await portOf(createInterface({ input: child.stdio[3] as NodeJS.ReadableStream }));
        const body = JSON.stringify({ origin, without: Object.keys(without) });
        const response = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body });
        if (!response.ok) throw new Error(`The Worker responds ${response.status}: ${await response.text()}`);
        for (const outcome of (await response.json()) as Outcome[]) await repeated(check, outcome);
      } finally {
        child.kill();
        await ended;
        rmSync(work, { recursive: true });
      }
      if (existsSync(together)) {
        const { workerd } = (await import(together)) as { workerd: (check: Check) => Promise<void> };
        await workerd(check);
      }
      return versionOf(folder, 'workerd');
    },
  };
}

/** Workers as they are since that date. A Worker's own network has no private addresses; this one has, for the server. */
const config = `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    ( name = "worker", worker = .worker ),
    ( name = "network", network = ( allow = ["public", "private"] ) ),
  ],
  sockets = [( name = "http", address = "127.0.0.1:0", http = (), service = "worker" )],
);
const worker :Workerd.Worker = (
  modules = [( name = "worker.mjs", esModule = embed "worker.mjs" )],
  compatibilityDate = "2026-11-01",
  globalOutbound = "network",
);
`;

/** workerd writes one line of JSON when it listens. */
async function portOf(control: AsyncIterable<string>): Promise<number> {
  for await (const line of control) {
    const { event, port } = JSON.parse(line) as { event: string; port?: number };
    if (event === 'listen' && port !== undefined) return port;
  }
  throw new Error('workerd has not started');
}
