/** Pages with and without a build, in a real Chromium, on a server that fails the first request. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

import { chromium } from 'playwright';

import { findChromium } from '../support/lanes.ts';

const module = (code: string): string => `<script type="module">${code}</script>`;

/** The HTML of each page. `cdn` is another origin. */
const pages = (cdn: string): Record<string, string> => ({
  ...Object.fromEntries(
    ['vite', 'esbuild', 'rollup', 'webpack'].flatMap((bundler) =>
      ['app', 'fetch'].map((page) => [`${bundler} ${page}`, module(`import '/out/${bundler}/${page}.js'`)]),
    ),
  ),
  'script tag': `<script src="/node_modules/kyoa/dist/kyoa.global.js"></script>
    <script>kyoa.get('/items').json().then((items) => (document.title = items));</script>`,
  'ESM from a CDN': module(`
    import kyoa, { createFetch, standard, indexeddb } from '${cdn}/node_modules/kyoa/dist/kyoa.bundle.js';
    const api = kyoa.create({ baseUrl: location.origin, storage: indexeddb('shop') });
    await createFetch({ use: standard() })('/items');
    document.title = await api.get('items').json();`),
});

/** Resolves to the failures, one line for each page. */
export async function openPages(project: string): Promise<string[]> {
  const requests = new Map<string, number>();
  let html: Record<string, string> = {};
  const server = createServer((request, response) => {
    const path = decodeURIComponent(request.url ?? '/').slice(1);
    if (path === 'items') {
      const page = decodeURIComponent(request.headers.referer ?? '').replace(/^.*\//, '');
      const count = (requests.get(page) ?? 0) + 1;
      requests.set(page, count);
      return void response.writeHead(count === 1 ? 503 : 200, { 'content-type': 'application/json' }).end('["Ada"]');
    }
    if (path in html) return void response.setHeader('content-type', 'text/html').end(html[path]);
    if (!path.endsWith('.js')) return void response.writeHead(404).end();
    response.writeHead(200, { 'content-type': 'text/javascript', 'access-control-allow-origin': '*' });
    return void response.end(readFileSync(join(project, path)));
  });
  server.listen(0, 'localhost');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  html = pages(`http://127.0.0.1:${port}`);

  const path = findChromium();
  const browser = await chromium.launch({ ...(path && { executablePath: path }), args: ['--no-sandbox'] });
  const problems: string[] = [];
  try {
    for (const name of Object.keys(html)) {
      const page = await browser.newPage();
      page.on('pageerror', (error) => problems.push(`${name}: ${error.message}`));
      await page.goto(`http://localhost:${port}/${encodeURIComponent(name)}`);
      await page.waitForFunction(() => document.title !== '', undefined, { timeout: 5_000 }).catch(() => {});
      const title = await page.title();
      if (title !== 'Ada') problems.push(`${name}: the title is "${title}", not "Ada"`);
      const received = requests.get(name) ?? 0;
      if (received < 2) problems.push(`${name}: the server received ${received} requests, not 2 or more`);
      await page.close();
    }
  } finally {
    await browser.close();
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  }
  return problems;
}
