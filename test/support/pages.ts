/** Real tabs of one Chromium on one origin. They load the sources of the repository with their types stripped. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';

import { transformSync } from 'oxc-transform';
import { chromium, type Page } from 'playwright';

import { findChromium, root } from './lanes.ts';

export interface Pages extends AsyncDisposable {
  readonly origin: string;
  /** Opens tabs of a new browser profile. */
  tabs(count: number, path?: string): Promise<[Page, ...Page[]]>;
}

/** The paths of kyoa, of what a page uses of its adapters, and of the packages of both. */
export const importMap: Readonly<Record<string, string>> = {
  kyoa: '/src/index.ts',
  'kyoa/upload': '/src/upload.ts',
  'kyoa/indexeddb': '/adapters/storage/indexeddb.ts',
  ky: '/node_modules/ky/distribution/index.js',
  'p-retry': '/node_modules/p-retry/index.js',
  'p-timeout': '/node_modules/p-timeout/index.js',
  'is-network-error': '/node_modules/is-network-error/index.js',
  'idb-keyval': '/node_modules/idb-keyval/dist/index.js',
};

/** Every page runs the module `script`. `imports` has the paths of its bare specifiers. */
export async function pages(script: string, imports: Readonly<Record<string, string>> = {}): Promise<Pages> {
  const html = `<!doctype html><link rel="icon" href="data:,">
<script type="importmap">${JSON.stringify({ imports })}</script>
<script type="module">${script}</script>`;

  const server = createServer(({ url = '/' }, response) => {
    if (url === '/') return void response.setHeader('content-type', 'text/html').end(html);
    const source = readFileSync(join(root, url), 'utf8');
    response.setHeader('content-type', 'text/javascript');
    return void response.end(extname(url) === '.ts' ? transformSync(url, source).code : source);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  const path = findChromium();
  const browser = await chromium.launch({
    ...(path && { executablePath: path }),
    args: ['--no-sandbox', '--disable-gpu'],
  });
  return {
    origin,
    async tabs(count, path = '/') {
      const context = await browser.newContext();
      const open = async (): Promise<Page> => {
        const page = await context.newPage();
        await page.goto(origin + path);
        return page;
      };
      return (await Promise.all(Array.from({ length: count }, open))) as [Page, ...Page[]];
    },
    async [Symbol.asyncDispose]() {
      await browser.close();
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
