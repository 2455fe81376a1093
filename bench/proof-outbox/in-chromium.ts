/**
 * The proof in Chromium: two tabs and a service worker, whose network is switched off and on through the browser's own protocol,
 * while tabs are closed, reloaded and crashed, the worker is stopped, and the server fails. An order is pressed again until its
 * call has resolved.
 */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

import { chromium, type BrowserContext, type CDPSession, type Page } from 'playwright';

import { findChromium, root } from '../../test/support/lanes.ts';
import { bundleModule } from '../../test/runtimes/bundle.ts';
import { random } from '../lib/simulate.ts';
import { outOfOrder } from './judge.ts';
import { Ledger, noFaults, type Order } from './ledger.ts';
import { until } from './processes.ts';

export const lanes = ['tea', 'coffee', 'cocoa', 'water'];

export interface BrowserResult {
  readonly orders: number;
  readonly executed: number;
  readonly [figure: string]: number | string | readonly string[];
  readonly faults: readonly string[];
}

export async function proveInChromium({ seed, orders }: { seed: number; orders: number }): Promise<BrowserResult> {
  const chance = random(seed);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(chance() * list.length)]!;
  const between = (from: number, to: number): Promise<void> => sleep(from + chance() * (to - from));
  const ledger = new Ledger(random(seed + 1));
  const { server, origin } = await serve(ledger);
  const path = findChromium();
  const browser = await chromium.launch({
    ...(path && { executablePath: path }),
    args: ['--no-sandbox', '--disable-gpu'],
  });
  const context = await browser.newContext();
  const count = {
    'switched off': 0,
    'switched off for a tab': 0,
    closed: 0,
    crashed: 0,
    reloaded: 0,
    'worker stopped': 0,
  };
  const statuses: Record<string, number> = {};
  try {
    const tabs = await Promise.all([openTab(context, origin), openTab(context, origin)]);
    let isOver = false;

    const switching = async (): Promise<void> => {
      for (; !isOver; await between(50, 2_000)) {
        if (chance() < 0.6) {
          count['switched off'] += 1;
          await switchAll(context, true);
          await between(10, 2_500);
          await switchAll(context, false);
        } else {
          count['switched off for a tab'] += 1;
          const { session } = pick(tabs);
          await network(session, true);
          await between(10, 1_500);
          await network(session, false);
        }
      }
    };
    const killing = async (): Promise<void> => {
      for (await between(500, 3_000); !isOver; await between(500, 3_000)) {
        const n = Math.floor(chance() * tabs.length);
        const { page, session } = tabs[n]!;
        const way = pick(['closed', 'crashed', 'reloaded', 'worker stopped'] as const);
        count[way] += 1;
        if (way === 'worker stopped') await session.send('ServiceWorker.stopAllWorkers').catch(ignore);
        else if (way === 'reloaded') await page.reload({ timeout: 15_000 }).catch(ignore);
        else {
          if (way === 'crashed') void session.send('Page.crash').catch(ignore);
          else await page.close();
          tabs[n] = await openTab(context, origin);
          if (way === 'crashed') await page.close();
        }
      }
    };
    const breaking = async (): Promise<void> => {
      for (; !isOver; await between(200, 2_000)) {
        const share = (): number => (chance() < 0.5 ? 0 : 0.3 * chance());
        ledger.faults = { refused: share(), cutBefore: share(), cutAfter: share(), delay: 50 };
      }
    };
    const pressing = async (lane: string): Promise<void> => {
      for (let n = 1; n <= orders / lanes.length; n += 1) {
        for (;;) {
          const status = await press(pick(tabs).page, { from: 'app', lane, n });
          statuses[status] = (statuses[status] ?? 0) + 1;
          if (status === '201' || status === '202') break;
          await sleep(100);
        }
        await between(0, 500);
      }
    };
    const disturbing = Promise.all([switching(), killing(), breaking()]);
    await Promise.race([disturbing, Promise.all(lanes.map(pressing))]);
    isOver = true;
    await disturbing;

    ledger.faults = noFaults;
    await switchAll(context, false);
    for (const { session } of tabs) await network(session, false);
    const drained = performance.now();
    await until(async () => (await waits(tabs[0].page)).length === 0, 90, 'nothing waits');
    const seconds = Math.round((performance.now() - drained) / 100) / 10;
    const faults = [...missing(ledger, orders), ...outOfOrder(ledger.executions)];
    const executed = ledger.executions.length;
    faults.push(...(await byServiceWorker(context, origin, ledger)));
    await context.close();
    faults.push(...(await inFullStorage(await browser.newContext(), origin, ledger)));
    return { orders, executed, ...count, ...statuses, 'drained in, s': seconds, requests: ledger.requests, faults };
  } finally {
    await browser.close();
    server.closeAllConnections();
    server.close();
  }
}

/** What is pressed without a network, and whose tabs are gone, the service worker sends when the browser wakes it. */
async function byServiceWorker(context: BrowserContext, origin: string, ledger: Ledger): Promise<string[]> {
  const before = ledger.executions.length;
  const { page } = await openTab(context, origin);
  await context.setOffline(true);
  const pressed = await Promise.all(lanes.map((lane) => press(page, { from: 'last', lane, n: 1 })));
  if (pressed.some((status) => status !== '202')) return [`the last orders got ${pressed.join()}`];
  for (const tab of context.pages()) await tab.close();
  if (ledger.executions.length !== before) return ['an order was sent without a network'];
  await context.setOffline(false);

  const empty = await context.newPage();
  await empty.goto(`${origin}/empty`);
  const session = await context.newCDPSession(empty);
  const registration = new Promise<string>((resolve) => {
    session.on('ServiceWorker.workerRegistrationUpdated', ({ registrations }) => {
      if (registrations[0] !== undefined) resolve(registrations[0].registrationId);
    });
  });
  await session.send('ServiceWorker.enable');
  const event = { origin, registrationId: await registration, tag: 'kyoa-outbox', lastChance: false };
  await session.send('ServiceWorker.dispatchSyncEvent', event);
  await until(() => ledger.executions.length === before + lanes.length, 30, 'the service worker has sent what waits');
  return [];
}

/** The origin has room for some orders only. What is refused was not kept, and what is kept is not lost. */
async function inFullStorage(context: BrowserContext, origin: string, ledger: Ledger): Promise<string[]> {
  // Before the app writes: Chromium looks at the quota again only after 30 s.
  const first = await context.newPage();
  await first.goto(`${origin}/empty`);
  const session = await context.newCDPSession(first);
  await session.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 1_500_000 });
  const { page } = await openTab(context, origin);
  await context.setOffline(true);
  const outcomes: Record<string, string> = {};
  for (let n = 1; n <= 40; n += 1)
    outcomes[`full-tea-${n}`] = await press(page, { from: 'full', lane: 'tea', n }, 60_000);
  const idsWith = (outcome: string): string[] => Object.keys(outcomes).filter((id) => outcomes[id] === outcome);
  const faults = [];
  const [kept, refused] = [idsWith('202'), idsWith('StorageError')];
  console.log(`with room for 1.5 MB: ${kept.length} orders of 60 kB kept, ${refused.length} got a StorageError`);
  if (refused.length === 0 || kept.length + refused.length !== 40)
    faults.push(`a full storage: ${JSON.stringify(Object.values(outcomes))}`);
  const waiting = await waits(page);
  if (waiting.join() !== kept.join()) faults.push(`a full storage: ${kept.join()} kept, and ${waiting.join()} wait`);
  await session.send('Storage.overrideQuotaForOrigin', { origin });
  await context.setOffline(false);
  await until(async () => (await waits(page)).length === 0, 60, 'nothing waits after the storage was full');
  const executed = ledger.executions.flatMap(({ key }) => (key.startsWith('full') ? [key] : []));
  if (executed.join() !== kept.join()) faults.push(`a full storage: ${kept.join()} kept, ${executed.join()} executed`);
  return faults;
}

interface Tab {
  readonly page: Page;
  readonly session: CDPSession;
}

/** A tab that opens while the worker is stopped may never load: then another one does. */
async function openTab(context: BrowserContext, origin: string): Promise<Tab> {
  for (let n = 1; n <= 5; n += 1) {
    const page = await context.newPage();
    const opened = loaded(context, page, origin).catch(ignore);
    const tab = await Promise.race([opened, sleep(15_000, undefined)]);
    if (tab) return tab;
    await page.close();
  }
  throw new Error('No tab of five has loaded the app');
}

async function loaded(context: BrowserContext, page: Page, origin: string): Promise<Tab> {
  await page.goto(origin);
  await page.waitForFunction('globalThis.ready');
  await page.evaluate('ready.then(() => navigator.serviceWorker.ready).then(() => {})');
  const session = await context.newCDPSession(page);
  await session.send('Network.enable');
  await session.send('ServiceWorker.enable');
  return { page, session };
}

/** A tab that crashes in the midst of it is one that the next try does not meet. */
async function switchAll(context: BrowserContext, offline: boolean): Promise<void> {
  for (let n = 0; n < 5; n += 1) {
    const done = await context.setOffline(offline).then(
      () => true,
      () => false,
    );
    if (done) return;
    await sleep(50);
  }
}

async function network(session: CDPSession, offline: boolean): Promise<void> {
  const conditions = { offline, latency: 0, downloadThroughput: -1, uploadThroughput: -1 };
  await session.send('Network.emulateNetworkConditions', conditions).catch(ignore); // the tab may be gone
}

function waits(page: Page): Promise<string[]> {
  return page.evaluate('waits()');
}

async function press(page: Page, order: Order, size = 0): Promise<string> {
  const gone = new Promise<string>((resolve) => {
    for (const event of ['crash', 'close'] as const) page.once(event as 'close', () => resolve('tab gone'));
  });
  const called = page.evaluate(`press(${JSON.stringify(order)}, ${size})`).catch(() => 'tab gone');
  return Promise.race([called as Promise<string>, gone, sleep(30_000, 'no response')]);
}

export function missing({ executions }: Ledger, orders: number): string[] {
  const count = new Map<string, number>();
  for (const { key, order } of executions) {
    const id = `app-${order.lane}-${order.n}`;
    count.set(id, (count.get(id) ?? 0) + 1);
    if (key !== id) return [`${id} came with the key ${key}`];
  }
  return lanes.flatMap((lane) =>
    Array.from({ length: orders / lanes.length }, (_, n) => `app-${lane}-${n + 1}`)
      .filter((id) => count.get(id) !== 1)
      .map((id) => `${id} was executed ${count.get(id) ?? 0} times`),
  );
}

export async function serve(ledger: Ledger): Promise<{ server: Server; origin: string }> {
  const scriptOf = (name: string): Promise<string> =>
    bundleModule(root, { entry: `import './bench/proof-outbox/browser/${name}.ts';` });
  const files: Record<string, readonly [type: string, text: string]> = {
    '/': ['text/html', '<!doctype html><link rel="icon" href="data:,"><script type="module" src="/page.js"></script>'],
    '/empty': ['text/html', '<!doctype html><link rel="icon" href="data:,">'],
    '/page.js': ['text/javascript', await scriptOf('page')],
    '/worker.js': ['text/javascript', await scriptOf('service-worker')],
  };
  const server = createServer((request, response) => {
    if (request.method === 'POST') return void ledger.respond(request, response).catch(() => response.destroy());
    const [type, text] = files[request.url!] ?? ['text/plain', ''];
    return void response.setHeader('content-type', type).end(text);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

function ignore(): void {}
