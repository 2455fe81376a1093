/** Real pages of one Chromium on one origin: a write survives its page, and a claimed key has one owner. */
import type { indexeddb } from 'kyoa/indexeddb';
import type { Page } from 'playwright';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { pages, type Pages } from '../../support/pages.ts';

const imports = {
  'kyoa/indexeddb': '/adapters/storage/indexeddb.ts',
  'idb-keyval': '/node_modules/idb-keyval/dist/index.js',
  'p-timeout': '/node_modules/p-timeout/index.js',
};

const script = `
  import { indexeddb } from 'kyoa/indexeddb';
  globalThis.store = indexeddb(location.hash);
`;

let browser: Pages;
let name: string;

beforeAll(async () => {
  browser = await pages(script, imports);
});
afterAll(() => browser[Symbol.asyncDispose]());

beforeEach(() => {
  name = `#${Math.random()}`;
});

type Use = { readonly store: ReturnType<typeof indexeddb> };

/** Tabs of one browser profile, with `store` opened in each. */
const tabs = (count: number): Promise<[Page, ...Page[]]> => browser.tabs(count, `/${name}`);

describe('indexeddb in two pages', () => {
  test('lets exactly one of ten contenders claim each of forty keys', async () => {
    const pages = await tabs(2);
    const won = await Promise.all(
      pages.map((page) =>
        page.evaluate(async () => {
          const { store } = globalThis as unknown as Use;
          const keys = Array.from({ length: 40 }, (_, index) => `claim-${index}`);
          const claims = await Promise.all(
            Array.from({ length: 5 }, () =>
              keys.map(async (key) => ((await store.set(key, key, { ifVersion: null })) ? [key] : [])),
            ).flat(),
          );
          return claims.flat();
        }),
      ),
    );
    expect(won.flat().toSorted()).toEqual(Array.from({ length: 40 }, (_, index) => `claim-${index}`).toSorted());
    await pages[0]?.context().close();
  });

  test('loses no increment and gives no version twice', async () => {
    const pages = await tabs(2);
    const versions = await Promise.all(
      pages.map((page) =>
        page.evaluate(async () => {
          const { store } = globalThis as unknown as Use;
          const given: number[] = [];
          while (given.length < 100) {
            const entry = await store.get('counter');
            const next = String(Number(entry?.value ?? 0) + 1);
            const version = await store.set('counter', next, { ifVersion: entry?.version ?? null });
            if (version !== undefined) given.push(version);
          }
          return given;
        }),
      ),
    );
    const [page] = pages as [Page];
    expect(new Set(versions.flat()).size).toBe(200);
    expect(await page.evaluate(async () => (await (globalThis as unknown as Use).store.get('counter'))?.value)).toBe(
      '200',
    );
    await page.context().close();
  });

  test('keeps an entry across a reload, and after the page that wrote it has crashed', async () => {
    const [page, other] = (await tabs(2)) as [Page, Page];
    const version = await page.evaluate(() =>
      (globalThis as unknown as Use).store.set('key', 'value', { ttl: 60_000 }),
    );
    const read = (where: Page): Promise<unknown> =>
      where.evaluate(() => (globalThis as unknown as Use).store.get('key'));
    await page.reload();
    expect(await read(page)).toMatchObject({ value: 'value', version });

    const crashed = page.waitForEvent('crash');
    await page.goto('chrome://crash').catch(() => {});
    await crashed;
    expect(await read(other)).toMatchObject({ value: 'value', version });
    await page.context().close();
  });

  test('lets another page delete the database', async () => {
    const [page, other] = (await tabs(2)) as [Page, Page];
    await page.evaluate(() => (globalThis as unknown as Use).store.set('key', 'value'));
    const outcome = await other.evaluate(
      (database) =>
        new Promise((resolve) => {
          const request = indexedDB.deleteDatabase(database);
          for (const type of ['success', 'error', 'blocked']) request.addEventListener(type, () => resolve(type));
        }),
      name,
    );
    expect(outcome).toBe('success');
    expect(await page.evaluate(async () => (await (globalThis as unknown as Use).store.get('key')) ?? 'gone')).toBe(
      'gone',
    );
    await page.context().close();
  });
});
