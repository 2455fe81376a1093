/**
 * Takes the pictures of this folder again: `node docs/playground/shoot.ts`, or those of one scenario: `... once`, or those
 * of the page as it opens: `... page`. Wants pngquant to make them small.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

import type { Page } from 'playwright';

import { scenarios } from '../../playground/model/scenarios.ts';
import { turnTo, visitors, type Wishes } from '../../test/playground/page/visit.ts';

const folder = import.meta.dirname;
const desktop = { width: 1_440, height: 900 };
const phone = { width: 375, height: 812 };
const [only] = process.argv.slice(2);

await using guests = await visitors('simulated');
for (const scheme of ['light', 'dark'] as const) {
  if (only === undefined || only === 'page') {
    await shoot(`page-${scheme}`, { ...desktop, scheme }, warm);
    await shoot(`phone-${scheme}`, { ...phone, scheme }, warm);
  }
  for (const { id } of scenarios) {
    if (only !== undefined && id !== only) continue;
    await Promise.all([
      shoot(`${id}-desktop-${scheme}`, { ...desktop, scheme }, (page) => tour(page, id)),
      shoot(`${id}-phone-${scheme}`, { ...phone, scheme }, (page) => tour(page, id)),
    ]);
  }
}

async function shoot(name: string, wishes: Wishes, prepare: (page: Page) => Promise<void>): Promise<void> {
  const page = await guests.visit({ hash: '#v=1&net=flaky', ...wishes });
  await prepare(page);
  if ((await page.locator('.network-slow').textContent()) !== '') {
    console.log(`${name} again: this machine is too slow for its calls, and would show false latencies`);
    await page.context().close();
    return shoot(name, wishes, prepare);
  }
  const path = join(folder, `${name}.png`);
  await page.screenshot({ path });
  await page.context().close();
  spawnSync('pngquant', ['--force', '--skip-if-larger', '--speed', '1', '--output', path, '64', path]);
  console.log(name);
}

/** Until there is something to see. */
async function warm(page: Page): Promise<void> {
  await calls(page, 250);
}

/** The step of each scenario that shows most. */
async function tour(page: Page, id: string): Promise<void> {
  await turnTo(page, `#${id}/${id === 'adaptive' || id === 'whole' ? 3 : 2}`);
  if (id === 'once') await hammer(page);
  await page.waitForTimeout(10_000);
  if (id === 'whole') {
    await page.getByRole('button', { name: 'Load a picture' }).click();
    await page.waitForTimeout(3_000);
  }
  if (id !== 'typing') return;
  await page.getByRole('button', { name: 'Type for me' }).click();
  await page.waitForTimeout(5_000);
}

/** Both buttons, as an impatient customer does. */
async function hammer(page: Page): Promise<void> {
  for (const name of ['Pay with plain fetch', 'Pay with kyoa']) {
    for (let press = 0; press < 5; press += 1) await page.getByRole('button', { name }).click();
  }
}

async function calls(page: Page, least: number): Promise<void> {
  await page.waitForFunction(
    (least) =>
      Number(document.querySelector('.layer-count .number:last-child')?.textContent?.replaceAll(',', '')) > least,
    least,
    { timeout: 60_000 },
  );
}
