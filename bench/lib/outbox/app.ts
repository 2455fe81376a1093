/** An order app in Chromium whose orders wait in one of the contenders, and a server with a ledger. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

import type { Browser, BrowserContext, Page } from 'playwright';

import { root } from '../../../test/support/lanes.ts';
import { bundleModule } from '../../../test/runtimes/bundle.ts';

export interface Contender {
  readonly packages?: readonly string[];
  /** The tag of its sync event. */
  readonly tag?: string;
  /** The names of its scripts in this folder. */
  readonly script: string;
}

export const contenders: Readonly<Record<string, Contender>> = {
  kyoa: { script: 'kyoa', tag: 'kyoa-outbox' },
  'workbox-background-sync': {
    script: 'workbox',
    packages: ['workbox-background-sync'],
    tag: 'workbox-background-sync:orders',
  },
  '@tanstack/offline-transactions': {
    script: 'tanstack',
    packages: ['@tanstack/offline-transactions', '@tanstack/db'],
  },
};

export interface App extends AsyncDisposable {
  readonly context: BrowserContext;
  /** The status of the nth request, from 1. `'lost'`: the order is executed, and its response is lost. */
  status: (n: number) => number | 'lost';
  /** Opens a tab. */
  open(): Promise<Page>;
  /** Resolves to whether the app believes that the order is kept or sent. */
  press(page: Page, id: string): Promise<boolean>;
  /** There is a network again: the browser wakes the service worker until all is sent, or some time has passed. */
  online(expected: number): Promise<void>;
  /** Of the orders that were promised: what is missing, what came twice, and what came before an earlier one. */
  result(promised: readonly string[]): string;
}

export async function openApp(browser: Browser, { script, tag }: Contender): Promise<App> {
  const built = async (part: string): Promise<readonly [string, string]> => [
    'text/javascript',
    await bundleModule(root, { entry: `import './bench/lib/outbox/${script}-${part}.js';` }),
  ];
  const html = '<!doctype html><link rel="icon" href="data:,">';
  const start = `<script type="module">import './page.js'; navigator.serviceWorker.register('/worker.js', { type: 'module' });</script>`;
  const files: Record<string, readonly [type: string, text: string]> = {
    '/': ['text/html', html + start],
    '/empty': ['text/html', html],
    '/page.js': await built('page'),
    '/worker.js': await built('worker'),
  };
  const executed: string[] = [];
  const keys = new Set<string>();
  let requests = 0;
  const server = createServer(async (request, response) => {
    if (request.method !== 'POST') {
      const [type, text] = files[request.url!] ?? ['text/plain', ''];
      return void response.setHeader('content-type', type).end(text);
    }
    let text = '';
    for await (const chunk of request.setEncoding('utf8')) text += String(chunk);
    requests += 1;
    const status = app.status(requests);
    if (status !== 'lost' && status >= 400) return void response.writeHead(status).end();
    const key = String(request.headers['idempotency-key']);
    if (!keys.has(key)) executed.push((JSON.parse(text) as { readonly id: string }).id);
    keys.add(key);
    return void (status === 'lost' ? request.socket.destroy() : response.writeHead(status).end());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const context = await browser.newContext();

  const app: App = {
    context,
    status: () => 201,
    async open() {
      const page = await context.newPage();
      await page.goto(origin);
      await page.waitForFunction('globalThis.press && navigator.serviceWorker.controller');
      return page;
    },
    async press(page, id) {
      const outcome = await page.evaluate(`press({ id: '${id}' }).catch(() => 'failed')`);
      return outcome !== 'failed';
    },
    async online(expected) {
      await context.setOffline(false);
      const page = await context.newPage();
      await page.goto(`${origin}/empty`);
      const session = await context.newCDPSession(page);
      const registration = new Promise<string>((resolve) => {
        session.on('ServiceWorker.workerRegistrationUpdated', ({ registrations: [first] }) => {
          if (first !== undefined) resolve(first.registrationId);
        });
      });
      await session.send('ServiceWorker.enable');
      const registrationId = await registration;
      for (let n = 0; n < 10 && executed.length < expected; n += 1) {
        if (tag !== undefined)
          await session.send('ServiceWorker.dispatchSyncEvent', { origin, registrationId, tag, lastChance: false });
        await sleep(2_000);
      }
      await page.close();
    },
    result(promised) {
      const missing = promised.filter((id) => !executed.includes(id)).length;
      const twice = executed.length - new Set(executed).size;
      const order = promised.filter((id) => executed.includes(id));
      const late = executed.filter(
        (id, n) => order.indexOf(id) < Math.max(-1, ...executed.slice(0, n).map((other) => order.indexOf(other))),
      );
      return `${missing}, ${twice}, ${late.length}`;
    },
    async [Symbol.asyncDispose]() {
      await context.close();
      server.closeAllConnections();
      server.close();
    },
  };
  return app;
}
