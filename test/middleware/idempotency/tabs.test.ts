/** `idempotency` in real tabs of one Chromium, which share a storage in IndexedDB, with a server that counts its work. */
import type { IdempotencyOptions } from 'kyoa';
import type { Page } from 'playwright';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';

import { faultServer, type FaultServer } from '../../support/faults.ts';
import { pages, type Pages } from '../../support/pages.ts';

const imports = {
  'idb-keyval': '/node_modules/idb-keyval/dist/index.js',
  'is-network-error': '/node_modules/is-network-error/index.js',
  'p-timeout': '/node_modules/p-timeout/index.js',
};

/** The script of a page of a shop; `submit` is what its button does. */
const script = `
  import { indexeddb } from '/adapters/storage/indexeddb.ts';
  import { createFetch } from '/src/fetch.ts';
  import { idempotency } from '/src/middleware/idempotency/idempotency.ts';
  import { observe } from '/src/middleware/observe.ts';

  globalThis.events = [];
  const fetch = createFetch({
    storage: indexeddb('shop'),
    use: [observe(({ type }) => events.push(type)), idempotency()],
  });
  globalThis.submit = async (url, requestId, idempotency) => {
    const response = await fetch(url, { method: 'POST', body: 'one ticket', requestId, idempotency });
    return { status: response.status, text: await response.text(), replayed: response.headers.has('idempotency-replayed') };
  };
`;

interface Submitted {
  readonly status: number;
  readonly text: string;
  readonly replayed: boolean;
}

interface Shop {
  readonly events: readonly string[];
  readonly submit: (url: string, requestId: string, options: IdempotencyOptions) => Promise<Submitted>;
}

let browser: Pages;
let server: FaultServer;
let tabs: [Page, ...Page[]];

beforeAll(async () => {
  [browser, server] = await Promise.all([pages(script, imports), faultServer()]);
});
afterAll(async () => {
  await browser[Symbol.asyncDispose]();
  await server.close();
});
beforeEach(async () => {
  tabs = await browser.tabs(2);
  for (const tab of tabs) await ready(tab);
});
afterEach(async () => {
  await tabs[0].context().close();
  server.reset();
});

async function ready(tab: Page): Promise<void> {
  await tab.waitForFunction(() => 'submit' in globalThis, undefined, { polling: 20 });
}

function submit(tab: Page, path: string, requestId: string, options: IdempotencyOptions = {}): Promise<Submitted> {
  return tab.evaluate(([url, id, options]) => (globalThis as unknown as Shop).submit(url, id, options), [
    server.url(path),
    requestId,
    options,
  ] as const);
}

/** The lease of a tab that will be lost. It is short because another tab waits for its end. */
const lease = 1_000;

const events = (tab: Page): Promise<readonly string[]> => tab.evaluate(() => (globalThis as unknown as Shop).events);
const posted = (): string[] => server.requests.map(({ headers }) => headers['idempotency-key'] ?? 'none');

test('idempotency sends the same request of two tabs once, and both get the same response', async () => {
  const all = Array.from({ length: 20 }, (_, n) =>
    tabs.map((tab) => submit(tab, `/work?id=${n}&gap=50&then=delay`, `order-${n}`)),
  );
  for (const [n, both] of all.entries()) {
    const [one, two] = await Promise.all(both);
    expect(one).toMatchObject({ status: 200 });
    expect(two!.text).toBe(one!.text);
    expect(one!.replayed).not.toBe(two!.replayed);
    expect(server.executions(String(n))).toBe(1);
  }
  expect(posted().toSorted()).toEqual(Array.from({ length: 20 }, (_, n) => `order-${n}`).toSorted());
});

test('idempotency replays the response in a tab that was reloaded after the response', async () => {
  const [tab] = tabs;
  const first = await submit(tab, '/work?id=after', 'order');
  await tab.reload();
  await ready(tab);
  expect(await submit(tab, '/work?id=after', 'order')).toEqual({ ...first, replayed: true });
  expect(server.executions('after')).toBe(1);
});

test('idempotency sends the same key again in a tab that was reloaded before the response, after the lease of the lost page', async () => {
  const [tab] = tabs;
  const lost = submit(tab, '/work?id=amid&then=hang,ok', 'order', { lease }).catch(() => 'lost');
  await server.until(({ busy }) => busy.length === 1);
  await tab.reload();
  expect(await lost).toBe('lost');
  await ready(tab);
  const submitted = await submit(tab, '/work?id=amid&then=hang,ok', 'order');
  expect(submitted).toMatchObject({ status: 200, replayed: false });
  expect(posted()).toEqual(['order', 'order']);
  expect(await events(tab)).toContain('idempotency.recovered');
  expect(await submit(tab, '/work?id=amid&then=hang,ok', 'order')).toEqual({ ...submitted, replayed: true });
});

test('idempotency sends the request from a tab that waits when the first tab is closed before its response', async () => {
  const [closing, staying] = tabs as unknown as [Page, Page];
  const path = '/work?id=closed&then=hang,ok';
  void submit(closing, path, 'order', { lease }).catch(() => {});
  await server.until(({ busy }) => busy.length === 1);
  const waiting = submit(staying, path, 'order');
  await staying.waitForFunction(
    () => (globalThis as unknown as Shop).events.includes('idempotency.awaited'),
    undefined,
    {
      polling: 20,
    },
  );
  await closing.close();
  tabs = [staying];
  expect(await waiting).toMatchObject({ status: 200, replayed: false });
  expect(posted()).toEqual(['order', 'order']);
});

test('idempotency has the same key on a request that Chromium itself sends again', async () => {
  const [tab] = tabs;
  await submit(tab, '/ok', 'warm');
  // The server does the work and resets the connection. No policy retries here, but Chromium sends the request again.
  const submitted = await submit(tab, '/work?id=resent&then=reset,ok', 'order');
  expect(submitted.status).toBe(200);
  expect(server.executions('resent')).toBe(2);
  expect(posted()).toEqual(['warm', 'order', 'order']);
});
