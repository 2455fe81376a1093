/** The order app of docs/examples/offline.html in Chromium: what is ordered without a network is sent once. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

import { chromium, type Browser, type BrowserContext, type Page } from 'playwright';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';

import { findChromium, root } from '../support/lanes.ts';
import { bundle } from '../runtimes/bundle.ts';

let browser: Browser;
let server: Server;
let origin: string;
const items: string[] = [];

beforeAll(async () => {
  if (!existsSync(join(root, 'dist/src/outbox.js'))) execFileSync('npm', ['run', 'build'], { cwd: root });
  const folder = join(root, 'docs/examples');
  const files: Record<string, readonly [type: string, text: string]> = {
    '/offline.html': ['text/html', readFileSync(join(folder, 'offline.html'), 'utf8')],
    '/offline.js': ['text/javascript', await bundle(join(folder, 'offline.js'), 'es')],
    '/offline-worker.js': ['text/javascript', await bundle(join(folder, 'offline-worker.js'), 'es')],
  };
  server = createServer(async (request, response) => {
    if (request.url === '/api/orders') {
      let text = '';
      for await (const chunk of request.setEncoding('utf8')) text += String(chunk);
      items.push((JSON.parse(text) as { readonly item: string }).item);
      return void response.writeHead(201).end();
    }
    const [type, text] = files[request.url!] ?? ['text/plain', ''];
    return void response.setHeader('content-type', type).end(text);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const path = findChromium();
  browser = await chromium.launch({ ...(path && { executablePath: path }), args: ['--no-sandbox', '--disable-gpu'] });
}, 120_000);
beforeEach(() => {
  items.length = 0;
});
afterAll(async () => {
  await browser.close();
  server.closeAllConnections();
  server.close();
});

/** The browser wakes the service worker, without a page of the app. */
async function sync(context: BrowserContext): Promise<void> {
  const page = await context.newPage();
  await page.goto(`${origin}/other`);
  const session = await context.newCDPSession(page);
  const registration = new Promise<string>((resolve) => {
    session.on('ServiceWorker.workerRegistrationUpdated', ({ registrations: [first] }) => {
      if (first !== undefined) resolve(first.registrationId);
    });
  });
  await session.send('ServiceWorker.enable');
  const event = { origin, registrationId: await registration, tag: 'kyoa-outbox', lastChance: false };
  await session.send('ServiceWorker.dispatchSyncEvent', event);
}

const shown = async (page: Page, line: string): Promise<void> => {
  await page.getByText(line).waitFor();
};

test('an order that is made without a network waits, also after a reload, and is sent once when there is one', async () => {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(`${origin}/offline.html`);
  await page.evaluate('navigator.serviceWorker.ready.then(() => {})');

  await page.getByRole('button').click();
  await shown(page, 'has arrived');
  expect(items).toEqual(['tea']);

  await context.setOffline(true);
  await page.getByRole('textbox').fill('coffee');
  await page.getByRole('button').click();
  await shown(page, 'will be sent');
  await page.reload();
  await shown(page, 'will be sent');
  expect(items).toEqual(['tea']);

  await context.setOffline(false);
  await shown(page, 'has arrived');
  expect(items).toEqual(['tea', 'coffee']);
  await context.close();
}, 60_000);

test('an order whose page is gone is sent by the service worker', async () => {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(`${origin}/offline.html`);
  await page.evaluate('navigator.serviceWorker.ready.then(() => {})');
  await context.setOffline(true);
  await page.getByRole('button').click();
  await shown(page, 'will be sent');
  await page.close();
  await context.setOffline(false);
  await sync(context); // a worker that Chromium has just started may have had a network before
  await vi.waitUntil(() => items.length > 0, { timeout: 20_000 });
  expect(items).toEqual(['tea']);
  await context.close();
}, 60_000);
