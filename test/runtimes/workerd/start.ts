/** Starts workerd with `worker.ts`, bundled with the built package. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { nodeResolve } from '@rollup/plugin-node-resolve';
import { transformSync } from 'oxc-transform';
import { rollup } from 'rollup';

import { installed } from '../cache.ts';

export interface Workerd extends AsyncDisposable {
  readonly origin: string;
  /** What it has written to its error output. */
  readonly errors: readonly string[];
}

/** `date` is the compatibility date: workerd behaves as Workers did at that time. `upstream` is an origin. */
export async function startWorkerd(date: string, upstream: string): Promise<Workerd> {
  const binary = join(installed('workerd', ['workerd@1']), 'node_modules/workerd/bin/workerd');
  const folder = mkdtempSync(join(tmpdir(), 'kyoa-workerd-'));
  writeFileSync(join(folder, 'worker.mjs'), await bundle());
  writeFileSync(join(folder, 'config.capnp'), config(date, upstream, folder));
  const child = spawn(binary, ['serve', '--experimental', '--control-fd=3', join(folder, 'config.capnp')], {
    stdio: ['ignore', 'inherit', 'pipe', 'pipe'],
  });
  const errors: string[] = [];
  createInterface({ input: child.stderr! }).on('line', (line) => errors.push(line));
  const ended = once(child, 'close');
  const close = async (): Promise<void> => {
    child.kill();
    await ended;
    rmSync(folder, { recursive: true });
  };

  const control = createInterface({ input: child.stdio[3] as NodeJS.ReadableStream });
  const port = await Promise.race([portOf(control), ended.then(() => undefined)]);
  if (port === undefined) {
    await close();
    throw new Error(`workerd did not start:\n${errors.join('\n')}`);
  }
  return { origin: `http://127.0.0.1:${port}`, errors, [Symbol.asyncDispose]: close };
}

/** workerd writes one line of JSON when it listens. */
async function portOf(control: AsyncIterable<string>): Promise<number | undefined> {
  for await (const line of control) {
    const { event, port } = JSON.parse(line) as { event: string; port?: number };
    if (event === 'listen') return port;
  }
  return undefined;
}

/** A Worker's own network has no private addresses; this one has, for the upstream. */
function config(date: string, upstream: string, folder: string): string {
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    ( name = "worker", worker = .worker ),
    ( name = "disk", disk = ( path = "${folder}", writable = true ) ),
    ( name = "network", network = ( allow = ["public", "private"] ) ),
  ],
  sockets = [( name = "http", address = "127.0.0.1:0", http = (), service = "worker" )],
  v8Flags = ["--expose-gc"],
);
const worker :Workerd.Worker = (
  modules = [( name = "worker.mjs", esModule = embed "worker.mjs" )],
  compatibilityDate = "${date}",
  bindings = [
    ( name = "UPSTREAM", text = "${upstream}" ),
    ( name = "ENTRIES", durableObjectNamespace = "Entries" ),
  ],
  durableObjectNamespaces = [( className = "Entries", uniqueKey = "entries", enableSql = true )],
  durableObjectStorage = ( localDisk = "disk" ),
  globalOutbound = "network",
);
`;
}

async function bundle(): Promise<string> {
  const { input, plugins } = {
    input: join(import.meta.dirname, 'worker.ts'),
    plugins: [
      nodeResolve({ exportConditions: ['workerd', 'worker'], browser: true }),
      {
        name: 'typescript',
        transform: (code: string, id: string) => (id.endsWith('.ts') ? transformSync(id, code) : null),
      },
    ],
  };
  const built = await rollup({ input, plugins, external: ['cloudflare:workers'], onwarn: () => {} });
  const { output } = await built.generate({ format: 'es', inlineDynamicImports: true });
  return output[0].code;
}
