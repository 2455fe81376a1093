/** Uploads of a page in Chromium to a server of another origin, with IndexedDB, across a reload and a crash. */
import type * as Kyoa from 'kyoa';
import type * as Indexeddb from 'kyoa/indexeddb';
import type * as Uploads from 'kyoa/upload';
import type { Page } from 'playwright';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { until } from '../support/origin.ts';
import { importMap, pages, type Pages } from '../support/pages.ts';
import { uploadServer, type UploadServer } from '../support/uploads/server.ts';

const script = `
  import * as kyoa from 'kyoa';
  import * as uploads from 'kyoa/upload';
  import { indexeddb } from 'kyoa/indexeddb';
  Object.assign(globalThis, { kyoa, uploads, indexeddb });
`;

interface Globals {
  readonly kyoa: typeof Kyoa;
  readonly uploads: typeof Uploads;
  readonly indexeddb: (typeof Indexeddb)['indexeddb'];
}

let browser: Pages;
let server: UploadServer;
let page: Page;
beforeAll(async () => {
  browser = await pages(script, importMap);
});
afterAll(() => browser[Symbol.asyncDispose]());
afterEach(async () => {
  await page.context().close();
  await server[Symbol.asyncDispose]();
});

const size = 6 * 1024 * 1024;
const expected = Buffer.from(Uint8Array.from({ length: size }, (_, index) => (index * 7 + (index >> 8)) % 251));

/** Uploads the same file in each page, and resolves to the URL and the first offset. */
const send = (where: Page): Promise<{ url: string; first: number }> =>
  where.evaluate(async (origin) => {
    const { kyoa, uploads, indexeddb } = globalThis as unknown as Globals;
    const bytes = Uint8Array.from({ length: 6 * 1024 * 1024 }, (_, index) => (index * 7 + (index >> 8)) % 251);
    const file = new File([bytes], 'film.mp4', { type: 'video/mp4', lastModified: 1 });
    const api = kyoa.default.create({ baseUrl: `${origin}/`, storage: indexeddb('uploads') });
    const offsets: number[] = [];
    const options = {
      requestId: 'film',
      chunk: 1024 * 1024,
      onProgress: ({ transferredBytes }: Uploads.UploadProgress) => void offsets.push(transferredBytes),
    };
    const { url: own } = await uploads.upload(api, 'files', file, options);
    return { url: own, first: offsets[0]! };
  }, server.origin);

const appends = (): number => server.seen.filter(({ method }) => method === 'PATCH').length;
const posts = (): number => server.seen.filter(({ method }) => method === 'POST').length;

describe.each(['tus', 'draft'] as const)('%s', (protocol) => {
  beforeEach(async () => {
    server = await uploadServer({ protocol });
    [page] = await browser.tabs(1);
  });

  test('a page that is reloaded goes on where the server is', async () => {
    const silent = { method: 'PATCH', isSilent: true } as const; // so that it has not ended before the reload
    server.trouble({ method: 'PATCH', status: 204, headers: { 'upload-offset': '0' } }, { method: 'PATCH' }, silent);
    const left = send(page).catch(() => 'left');
    await until(() => appends() >= 3);
    await page.reload();
    expect(await left).toBe('left');
    const { url, first } = await send(page);
    expect(first).toBeGreaterThan(0);
    expect(posts()).toBe(1);
    expect(expected.equals(await server.bytesOf(url))).toBe(true);
  });

  test('another page goes on after a page has crashed', async () => {
    const [other] = [await page.context().newPage()];
    await other.goto(browser.origin);
    const left = send(page).catch(() => 'left');
    await until(() => appends() >= 2);
    const crashed = page.waitForEvent('crash');
    await page.goto('chrome://crash').catch(() => {});
    await crashed;
    void left;
    const { url } = await send(other);
    expect(posts()).toBe(1);
    expect(expected.equals(await server.bytesOf(url))).toBe(true);
  });

  test('two pages at once upload one file', async () => {
    const other = await page.context().newPage();
    await other.goto(browser.origin);
    const both = await Promise.all([send(page), send(other)]);
    for (const { url } of both) expect(expected.equals(await server.bytesOf(url))).toBe(true);
    expect(both[0].url).toBe(both[1].url);
  });

  test('a connection that breaks is followed by another one, and no header is sent that the server would refuse', async () => {
    server.trouble({ method: 'PATCH', cutAfter: 300_000 });
    const { url } = await send(page);
    expect(expected.equals(await server.bytesOf(url))).toBe(true);
    expect(server.seen.some(({ headers }) => 'idempotency-key' in headers)).toBe(false);
  });
});
