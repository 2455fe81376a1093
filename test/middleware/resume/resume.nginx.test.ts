/** A short run of `npm run proof:resume`: real files, a real server, and connections that are cut at random places. */
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { undici } from '../../../adapters/transport/undici/undici.ts';
import { chromiumRead, pageImports, pageModule } from '../../../bench/lib/download-page.ts';
import { openSite, runDownloads, type Plan, type Read, type Site } from '../../../bench/lib/downloads.ts';
import { constant, createFetch, standard } from '../../../src/index.ts';
import { pages, type Pages } from '../../support/pages.ts';

let served: Pages;
let site: Site;
beforeAll(async () => {
  served = await pages(pageModule, pageImports);
  site = await openSite(Number(new URL(served.origin).port));
}, 60_000);
afterAll(async () => {
  await served[Symbol.asyncDispose]();
  await site[Symbol.asyncDispose]();
});

const transport = undici();
afterAll(() => transport.close());

function through(fetch?: typeof transport): Read {
  const whole = createFetch({
    use: standard({ resume: { backoff: constant(0) }, retry: { budget: false } }),
    ...(fetch && { fetch }),
  });
  return async (url) => {
    const hash = createHash('sha256');
    for await (const chunk of (await whole(url)).body!) hash.update(chunk);
    return hash.digest('hex');
  };
}

async function onPage(isSame: boolean, compare?: number): Promise<Read> {
  const [page] = await served.tabs(1);
  if (isSame) await page.goto(`${site.proxy.origin}/`);
  await page.waitForFunction('globalThis.digest');
  return chromiumRead(page, compare);
}

test.each<[string, () => Read | Promise<Read>, Plan['kind']]>([
  ['the global fetch', () => through(), ''],
  ['undici()', () => through(transport), ''],
  ['Chromium', () => onPage(true), ''],
  ['Chromium across origins', () => onPage(false), 'exposed/'],
  ['Chromium across origins, where the headers are not exposed', () => onPage(false, 2_000_000), 'open/'],
])(
  'resume through %s delivers each file that nginx serves, and joins no two versions',
  async (_where, reading, kind) => {
    const read = await reading();
    const plan: Plan = { downloads: 6, bytes: 1_500_000, ...(kind && { kind }) };
    const kept = await runDownloads(site, read, plan);
    expect(kept).toMatchObject({ delivered: 6, spliced: 0, failures: {} });

    const replaced = await runDownloads(site, read, { ...plan, downloads: 3, isReplaced: true });
    const { delivered, renewed, spliced, failures } = replaced;
    expect({ spliced, ended: delivered + renewed + (failures['BODY_CHANGED'] ?? 0) }).toEqual({ spliced: 0, ended: 3 });
  },
  60_000,
);
