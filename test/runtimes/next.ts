/** Next, whose server replaces the global fetch by one with a cache. The checks run while it renders a page. */
import assert from 'node:assert/strict';
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { bundle } from './bundle.ts';
import { installed, versionOf } from './cache.ts';
import type { Runtime } from './capabilities.ts';
import { repeated, type Outcome } from './outcomes.ts';
import type { Server } from './server.ts';

const folderOfNext = join(import.meta.dirname, 'next');

const without = {
  'storage: `kyoa/file`': 'untested: see Node',
  'storage: `kyoa/indexeddb`': 'no IndexedDB',
  'transport: `kyoa/undici`': 'untested: see Node',
};

export function next({ origin }: Server): Runtime {
  return {
    name: 'Next 16',
    column: 'Next',
    without,
    async run(check) {
      const folder = installed('next', ['next@16', 'react@19', 'react-dom@19']);
      const env = {
        ...process.env,
        NODE_OPTIONS: '',
        NEXT_TELEMETRY_DISABLED: '1',
        KYOA_OPTIONS: JSON.stringify({ origin, without: Object.keys(without) }),
      };
      await build(folder, env);
      const { child, url } = await start(folder, env);
      const render = async (part: string): Promise<readonly Outcome[]> => {
        const page = await (await fetch(url + part)).text();
        const [, outcomes] = /outcomes:([^:]*):/.exec(page) ?? [];
        if (outcomes === undefined) throw new Error(`The page of ${part} is ${page}`);
        return JSON.parse(decodeURIComponent(outcomes)) as Outcome[];
      };
      try {
        for (const part of ['smoke', 'retry']) {
          for (const outcome of await render(part)) await repeated(check, outcome);
        }
        const renderings = [await render('cache'), await render('cache')];
        await fetch(`${url}revalidate`, { method: 'POST' });
        renderings.push(await render('cache'));
        await repeated(check, renderings[0]![0]!);
        await check('the cache of Next serves a tagged response until its tag is revalidated', async () => {
          const requests = renderings.map((outcomes) => outcomes[1]!.name);
          assert.deepEqual(requests, ['requests: 1', 'requests: 1', 'requests: 2']);
        });
      } finally {
        await stop(child);
      }
      return versionOf(folder, 'next');
    },
  };
}

/** For production: with Next's minifier, and without the cache of its development server. */
async function build(folder: string, env: NodeJS.ProcessEnv): Promise<void> {
  for (const old of ['app', '.next']) rmSync(join(folder, old), { recursive: true, force: true });
  cpSync(join(folderOfNext, 'project'), folder, { recursive: true });
  writeFileSync(join(folder, 'checks.js'), await bundle(join(folderOfNext, 'checks.ts'), 'es'));
  execFileSync(process.execPath, [cli(folder), 'build'], { cwd: folder, env, timeout: 180_000 });
}

/** Starts the application of a folder. `packages` is the folder in whose `node_modules` Next is. */
export async function start(
  folder: string,
  env: NodeJS.ProcessEnv,
  packages: string = folder,
): Promise<{ child: ChildProcess; url: string }> {
  const args = [cli(packages), 'start', '--port', '0', '--hostname', '127.0.0.1'];
  const child = spawn(process.execPath, args, {
    cwd: folder,
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: 120_000,
  });
  let url: string | undefined;
  for await (const line of createInterface({ input: child.stdout })) {
    url ??= /http:\/\/127\.0\.0\.1:\d+/.exec(line)?.[0];
    if (url !== undefined && /Ready/.test(line)) break;
  }
  if (url === undefined) throw new Error('Next has not started');
  child.stdout.resume();
  return { child, url: `${url}/` };
}

export async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGTERM');
  await once(child, 'close');
}

export function cli(folder: string): string {
  return join(folder, 'node_modules/next/dist/bin/next');
}
