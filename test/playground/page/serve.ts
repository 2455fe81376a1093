/** The page, built from the repository, and served like `npm start` or like a static host. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';

import { presets } from '../../../playground/network/presets.ts';
import { startFlaky } from '../../../playground/server/flaky.ts';
import { openSite } from '../../../playground/server/site.ts';
import { root } from '../../support/lanes.ts';

export type Network = 'server' | 'simulated';

export interface Served {
  /** The URL, without a slash at its end. */
  readonly url: string;
  readonly close: () => Promise<void>;
}

/** A bundle of rollup.config.mjs. */
export type Bundle = 'main' | 'embed';

const built = new Map<Bundle, string>();

const types: Readonly<Record<string, string>> = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css' };
/** As the hosts of static sites do. */
const open = { 'access-control-allow-origin': '*', 'access-control-allow-headers': '*' };

/** `preset` names the settings of the server. */
export async function serve(network: Network, preset = 'flaky', bundle: Bundle = 'main'): Promise<Served> {
  const folder = built.get(bundle) ?? build(bundle);
  built.set(bundle, folder);
  if (network === 'server') {
    return startFlaky({ settings: presets[preset]!.settings, doors: 8, site: openSite(folder) });
  }
  const server = createServer(({ url = '/' }, response) => {
    const { pathname } = new URL(url, 'http://localhost');
    const file = join(folder, pathname === '/' ? 'index.html' : pathname);
    if (!existsSync(file)) return void response.writeHead(404, open).end();
    for (const [name, value] of Object.entries(open)) response.setHeader(name, value);
    response.setHeader('content-type', types[extname(file)] ?? 'application/octet-stream');
    return void response.end(readFileSync(file));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Builds a bundle, into a new folder. `npm run build` runs before. */
function build(bundle: Bundle): string {
  const folder = mkdtempSync(join(tmpdir(), 'kyoa-page-'));
  process.once('exit', () => rmSync(folder, { recursive: true }));
  const rollup = join(root, 'node_modules/rollup/dist/bin/rollup');
  const args = ['--config', 'playground/rollup.config.mjs', '--configOnly', bundle, '--dir', folder, '--silent'];
  execFileSync(process.execPath, [rollup, ...args], { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
  return folder;
}
