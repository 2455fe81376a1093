/** The latency history in pages of one Chromium: it outlives a reload, and two tabs share it. */
import type { Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { Series } from '../../../src/lib/latency/history.ts';
import { pages, type Pages } from '../../support/pages.ts';

const imports = {
  'idb-keyval': '/node_modules/idb-keyval/dist/index.js',
  'p-timeout': '/node_modules/p-timeout/index.js',
};

const script = `
  import { indexeddb } from '/adapters/storage/indexeddb.ts';
  import { flush, latencyHistory } from '/src/lib/latency/history.ts';
  const storage = indexeddb('latency');
  globalThis.stored = async () => JSON.parse((await storage.get('latency total GET /'))?.value ?? '[]');
  globalThis.flush = () => flush(storage);
  await storage.get('opened');
  globalThis.series = latencyHistory(storage).series('total', 'GET /', 10);
`;

interface Globals {
  readonly series: Series;
  readonly flush: () => Promise<void>;
  readonly stored: () => Promise<readonly number[]>;
}

describe('the latency history in Chromium', () => {
  let browser: Pages;
  beforeAll(async () => {
    browser = await pages(script, imports);
  });
  afterAll(() => browser[Symbol.asyncDispose]());

  const add = (page: Page, samples: readonly number[]): Promise<void> =>
    page.evaluate((all) => {
      for (const sample of all) (globalThis as unknown as Globals).series.add(sample);
    }, samples);
  const known = (page: Page): Promise<readonly number[]> =>
    page.evaluate(() => (globalThis as unknown as Globals).series.window.samples);
  const until = (page: Page, count: number): Promise<unknown> =>
    page.waitForFunction((wanted) => (globalThis as unknown as Partial<Globals>).series?.window.size === wanted, count);

  test('outlives a reload, because it is written when the page is hidden', async () => {
    const [page] = await browser.tabs(1);
    await until(page, 0);
    await add(page, [5, 6, 7]);
    await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
    await page.waitForFunction(
      async () => (await (globalThis as unknown as Globals).stored()).length === 3,
      undefined,
      { timeout: 400 },
    );
    await page.reload();
    await until(page, 3);
    expect(await known(page)).toEqual([5, 6, 7]);
    await page.context().close();
  });

  test('is shared by two tabs, neither of which overwrites the other', async () => {
    const [one, two] = (await browser.tabs(2)) as [Page, Page];
    await Promise.all([until(one, 0), until(two, 0)]);
    await Promise.all([add(one, [1, 2, 3]), add(two, [11, 12, 13])]);
    await Promise.all([one, two].map((page) => page.evaluate(() => (globalThis as unknown as Globals).flush())));
    const stored = await one.evaluate(() => (globalThis as unknown as Globals).stored());
    expect(stored.toSorted((a, b) => a - b)).toEqual([1, 2, 3, 11, 12, 13]);

    await two.reload();
    await until(two, 6);
    await one.context().close();
  });
});
