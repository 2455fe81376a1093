/** `auth` in real tabs of one Chromium, which share a token in IndexedDB, and a token server that rotates refresh tokens. */
import type { Page } from 'playwright';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { pages, type Pages } from '../../support/pages.ts';
import { tokenServer } from '../../support/token-server.ts';

const imports = {
  'idb-keyval': '/node_modules/idb-keyval/dist/index.js',
  'is-network-error': '/node_modules/is-network-error/index.js',
  'p-retry': '/node_modules/p-retry/index.js',
  'p-timeout': '/node_modules/p-timeout/index.js',
};

const lease = 1_000;

const script = `
  import { indexeddb } from '/adapters/storage/indexeddb.ts';
  import { createFetch } from '/src/fetch.ts';
  import { auth } from '/src/middleware/auth/auth.ts';
  import { retry } from '/src/middleware/retry.ts';

  globalThis.open = (url) => {
    const storage = indexeddb('session');
    const renew = async ({ token, signal }) => {
      const body = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: token?.refresh ?? 'none' });
      const response = await fetch(url + '/token', { method: 'POST', body, signal });
      if (!response.ok) throw Object.assign(new Error('refused'), { response });
      const grant = await response.json();
      return { access: grant.access_token, refresh: grant.refresh_token };
    };
    globalThis.session = auth({ renew, storage, lease: ${lease} });
    const api = createFetch({ use: [session, retry()] });
    globalThis.call = async () => {
      const response = await api(url + '/me');
      await response.text();
      return response.status;
    };
    globalThis.calls = (count) => Promise.all(Array.from({ length: count }, call));
  };
`;

interface App {
  open(url: string): void;
  readonly session: { set(token: object): Promise<void>; clear(): Promise<void> };
  call(): Promise<number>;
  calls(count: number): Promise<number[]>;
}

let browser: Pages;
beforeAll(async () => {
  browser = await pages(script, imports);
});
afterAll(async () => {
  await browser[Symbol.asyncDispose]();
});

async function opened(count: number, url: string): Promise<[Page, ...Page[]]> {
  const tabs = await browser.tabs(count);
  for (const tab of tabs) await ready(tab, url);
  return tabs;
}

async function ready(tab: Page, url: string): Promise<void> {
  await tab.waitForFunction(() => 'open' in globalThis);
  await tab.evaluate((url) => (globalThis as unknown as App).open(url), url);
}

const callsOf = (tab: Page, count: number): Promise<number[]> =>
  tab.evaluate((count) => (globalThis as unknown as App).calls(count), count);

test('auth renews once for two tabs with fifty calls each, in twenty rotations, and loses no call when a tab is killed', async () => {
  await using server = await tokenServer({ leeway: 5 * lease, work: 20 });
  const { access_token: access, refresh_token: refresh } = server.login('ada');
  const tabs = await opened(2, server.url);
  await tabs[0].evaluate((token) => (globalThis as unknown as App).session.set(token), { access, refresh });
  expect(await callsOf(tabs[1]!, 1)).toEqual([200]);

  for (let rotation = 1; rotation <= 20; rotation += 1) {
    server.expire('ada');
    const victim = rotation % 4 === 0 ? (rotation % 8 === 0 ? 0 : 1) : undefined;
    const all = tabs.map(async (tab, index) => {
      const statuses = callsOf(tab, 50);
      if (index !== victim) return statuses;
      const ended = statuses.catch(() => {});
      await tab.reload(); // its calls end with the page, perhaps in the midst of a renewal
      await ended;
      await ready(tab, server.url);
      return callsOf(tab, 50);
    });
    for (const statuses of await Promise.all(all)) expect(new Set(statuses)).toEqual(new Set([200]));
    expect(server.seen).toMatchObject({ renewals: rotation, reuses: 0 });
  }
  await tabs[0].context().close();
}, 60_000);

test('auth signs out and in for another tab within a second', async () => {
  await using server = await tokenServer();
  const [one, two] = (await opened(2, server.url)) as unknown as [Page, Page];
  const signIn = async (user: string): Promise<void> => {
    const { access_token: access, refresh_token: refresh } = server.login(user);
    await one.evaluate((token) => (globalThis as unknown as App).session.set(token), { access, refresh });
  };
  const status = (): Promise<number[]> => callsOf(two, 1);
  await signIn('ada');
  expect(await status()).toEqual([200]);
  await one.evaluate(() => (globalThis as unknown as App).session.clear());
  await expect.poll(status, { timeout: 3_000 }).toEqual([401]);
  await signIn('bob');
  await expect.poll(status, { timeout: 3_000 }).toEqual([200]);
  expect(server.seen).toMatchObject({ renewals: 0, reuses: 0 });
  await one.context().close();
});
