/**
 * `npm run bench:outbox`: queues for requests that are made without a network, in the same app and the same scripts in Chromium. The
 * table has what each has lost, sent twice, and sent before an earlier order, of those that the app believes to be kept or sent.
 */
import { chromium, type Page } from 'playwright';

import { findChromium } from '../test/support/lanes.ts';
import { contenders, openApp, type App } from './lib/outbox/app.ts';
import { installed, printHead, printLeftOut, printTable, save, versionsOf } from './lib/report.ts';

const count = process.argv.includes('--smoke') ? 5 : 20;

interface Script {
  readonly title: string;
  /** Resolves to the orders that the app believes to be kept or sent, in their order. */
  run(app: App): Promise<readonly string[]>;
}

const scripts: readonly Script[] = [
  {
    title: `${count} orders without a network`,
    async run(app) {
      const promised = await offline(app, await app.open());
      await app.online(promised.length);
      return promised;
    },
  },
  {
    title: 'the tab is closed, and another one opened',
    async run(app) {
      const page = await app.open();
      const promised = await offline(app, page);
      await page.close();
      await app.context.setOffline(false);
      await app.open();
      await app.online(promised.length);
      return promised;
    },
  },
  {
    title: 'in two tabs',
    async run(app) {
      const pages = [await app.open(), await app.open()];
      const promised = await offline(app, ...pages);
      await app.online(promised.length);
      return promised;
    },
  },
  {
    title: 'then three 503s',
    async run(app) {
      app.status = (n) => (n <= 3 ? 503 : 201);
      const promised = await offline(app, await app.open());
      await app.online(promised.length);
      return promised;
    },
  },
  {
    title: 'then three 401s',
    async run(app) {
      app.status = (n) => (n <= 3 ? 401 : 201);
      const promised = await offline(app, await app.open());
      await app.online(promised.length);
      return promised;
    },
  },
  {
    title: 'then a 400 for the first',
    async run(app) {
      app.status = (n) => (n === 1 ? 400 : 201);
      const [, ...others] = await offline(app, await app.open());
      await app.online(others.length);
      return others;
    },
  },
  {
    title: 'then three lost responses',
    async run(app) {
      app.status = (n) => (n <= 3 ? 'lost' : 201);
      const promised = await offline(app, await app.open());
      await app.online(promised.length);
      return promised;
    },
  },
  {
    title: 'switched off and on again within 100 ms',
    async run(app) {
      const page = await app.open();
      const promised = await offline(app, page);
      for (let n = 0; n < 10; n += 1) {
        await app.context.setOffline(false);
        await page.waitForTimeout(50);
        await app.context.setOffline(true);
        await page.waitForTimeout(50);
      }
      await app.online(promised.length);
      return promised;
    },
  },
];

/** Orders in turn from these tabs, without a network. */
async function offline(app: App, ...pages: Page[]): Promise<string[]> {
  await app.context.setOffline(true);
  const promised: string[] = [];
  for (let n = 1; n <= count; n += 1)
    if (await app.press(pages[n % pages.length]!, `order-${n}`)) promised.push(`order-${n}`);
  return promised;
}

const versions = await versionsOf(Object.values(contenders).flatMap(({ packages = [] }) => packages));
printHead('Queues for requests that are made without a network', versions);
const path = findChromium();
const browser = await chromium.launch({
  ...(path && { executablePath: path }),
  args: ['--no-sandbox', '--disable-gpu'],
});
const present = installed(contenders, versions);
const rows: string[][] = [];
for (const script of scripts) {
  const row = [script.title];
  for (const [name, contender] of present) {
    await using app = await openApp(browser, contender);
    const promised = await script.run(app);
    row.push(`${promised.length}: ${app.result(promised)}`);
    console.log(script.title, name, row.at(-1));
  }
  rows.push(row);
}
await browser.close();
printTable(
  present.map(([name]) => name),
  rows,
  'promised: lost, twice, out of order',
);
printLeftOut(contenders, present);
await save('outbox', { versions, rows });
