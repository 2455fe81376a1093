/** An outbox in real tabs of one Chromium, which share an IndexedDB, while its network is switched off and on. */
import type { Page } from 'playwright';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';

import { ledger, type Ledger } from '../support/ledger.ts';
import { importMap, pages, type Pages } from '../support/pages.ts';

const script = `
  import { createFetch } from 'kyoa';
  import { indexeddb } from 'kyoa/indexeddb';
  import { outbox } from '/src/outbox.ts';

  globalThis.open = (url) => {
    // A tab that is closed or reloaded may have the lease.
    const box = outbox({ lease: 1_000 });
    const api = createFetch({ use: [box], storage: indexeddb('shop') });
    globalThis.post = async (body, headers) =>
      (await api(url + '/orders', { method: 'POST', body, headers, requestId: body })).status;
    globalThis.box = box;
    globalThis.outcomes = [];
    void (async () => {
      for await (const { id, response } of box.settled()) outcomes.push(id + ' ' + response?.status);
    })();
  };
`;

interface App {
  open(url: string): void;
  post(body: string, headers?: Record<string, string>): Promise<number>;
  readonly box: { waiting(): Promise<readonly { id: string }[]>; flush(): Promise<number> };
  readonly outcomes: string[];
}

let browser: Pages;
let server: Ledger;
let tabs: [Page, ...Page[]];
beforeAll(async () => {
  browser = await pages(script, importMap);
});
afterAll(() => browser[Symbol.asyncDispose]());
beforeEach(async () => {
  server = await ledger();
  tabs = await browser.tabs(2);
  for (const tab of tabs) await ready(tab);
});
afterEach(async () => {
  await tabs[0].context().close();
  await server[Symbol.asyncDispose]();
});

async function ready(tab: Page): Promise<void> {
  await tab.waitForFunction(() => 'open' in globalThis, undefined, { polling: 20 });
  await tab.evaluate((url) => (globalThis as unknown as App).open(url), server.url);
}
const post = (tab: Page, body: string, headers?: Record<string, string>): Promise<number> =>
  tab.evaluate(([body, headers]) => (globalThis as unknown as App).post(body, headers), [body, headers] as const);
const waiting = (tab: Page): Promise<string[]> =>
  tab.evaluate(async () => (await (globalThis as unknown as App).box.waiting()).map(({ id }) => id));
const outcomes = (tab: Page): Promise<string[]> => tab.evaluate(() => (globalThis as unknown as App).outcomes);
const offline = (isOffline: boolean): Promise<void> => tabs[0].context().setOffline(isOffline);

test('a request without a network is kept, and sent when the network comes', async () => {
  const [tab, other] = tabs;
  await offline(true);
  expect(await post(tab, 'one')).toBe(202);
  expect(await post(other!, 'two')).toBe(202);
  expect(await waiting(other!)).toEqual(['one', 'two']);
  await offline(false);
  await vi.waitFor(async () => expect(await outcomes(tab)).toEqual(['one 201', 'two 201']), 8_000);
  await vi.waitFor(async () => expect(await outcomes(other!)).toEqual(['one 201', 'two 201']), 8_000);
  expect(server.keys).toEqual(['one', 'two']);
  expect(await waiting(tab)).toEqual([]);
}, 30_000);

test('a network that comes and goes within 100 ms leaves nothing stuck', async () => {
  const [tab] = tabs;
  await offline(true);
  for (const body of ['one', 'two', 'three']) expect(await post(tab, body)).toBe(202);
  for (let n = 0; n < 5; n += 1) {
    await offline(false);
    await offline(true);
  }
  await offline(false);
  await vi.waitFor(async () => expect(await waiting(tab)).toEqual([]), 20_000);
  expect(server.executed).toEqual(['one', 'two', 'three']);
}, 40_000);

test('a page that is reloaded sends what the page before has kept, in order', async () => {
  const [tab, other] = tabs;
  await other!.close();
  server.state = 'down';
  for (const body of ['one', 'two']) expect(await post(tab, body)).toBe(202);
  server.state = 'up';
  await tab.reload();
  await ready(tab);
  await vi.waitFor(async () => expect(await outcomes(tab)).toEqual(['one 201', 'two 201']), 8_000);
  expect(server.keys).toEqual(['one', 'two']);
}, 30_000);

test('a tab that is closed while its request is on its way is followed by another one, with the same key', async () => {
  const [tab, other] = tabs;
  server.state = 'hang';
  void post(tab, 'one').catch(() => {});
  await vi.waitFor(() => expect(server.keys).toEqual(['one']));
  await tab.close();
  server.state = 'up';
  tabs = [other!];
  expect(await other!.evaluate(() => (globalThis as unknown as App).box.flush())).toBe(0);
  expect(server.keys).toEqual(['one', 'one']);
  expect(server.executed).toEqual(['one']);
  expect(await outcomes(other!)).toEqual(['one 201']);
}, 30_000);

test('two tabs at once send each request once', async () => {
  const all = Array.from({ length: 20 }, (_, n) => post(tabs[n % 2]!, `${n}`));
  expect(new Set(await Promise.all(all))).toEqual(new Set([201]));
  expect(server.arrivals).toHaveLength(20);
  expect(server.executed).toHaveLength(20);
}, 30_000);

test('the page of a captive portal is no response of the server', async () => {
  const [tab] = tabs;
  const page = { 'content-type': 'text/html', 'access-control-allow-origin': '*' };
  server.state = (_, response) => void response.writeHead(200, page).end('<form>Accept the terms</form>');
  expect(await post(tab, '{}', { 'content-type': 'application/json' })).toBe(202);
  await using portal = await ledger((_, response) => void response.writeHead(200, page).end('<form>'));
  server.state = (_, response) =>
    void response.writeHead(302, { location: portal.url, 'access-control-allow-origin': '*' }).end();
  expect(await tab.evaluate(() => (globalThis as unknown as App).box.flush())).toBe(1);
  server.state = 'up';
  expect(await tab.evaluate(() => (globalThis as unknown as App).box.flush())).toBe(0);
  expect(server.executed).toEqual(['{}']);
}, 30_000);
