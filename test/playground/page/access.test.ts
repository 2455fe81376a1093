/** The page for all visitors: axe, light and dark, a phone, reduced motion, a slow connection. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Page } from 'playwright';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import { root } from '../../support/lanes.ts';
import { visitors, type Visitors } from './visit.ts';

const axe = readFileSync(join(root, 'node_modules/axe-core/axe.min.js'), 'utf8');

interface Axe {
  run(): Promise<{
    readonly violations: readonly { readonly id: string; readonly nodes: readonly { html: string }[] }[];
  }>;
}

/** Each broken rule, with the elements that break it. */
async function violations(page: Page): Promise<string[]> {
  // This bypasses the policy of the page, which forbids scripts from elsewhere.
  await page.evaluate(axe);
  return page.evaluate(async () => {
    const { violations } = await (globalThis as unknown as { axe: Axe }).axe.run();
    return violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 160)}`));
  });
}

describe('the page', { timeout: 60_000 }, () => {
  let guests: Visitors;
  beforeAll(async () => {
    guests = await visitors('simulated');
  }, 60_000);
  afterEach(() => guests.leave());
  afterAll(() => guests[Symbol.asyncDispose]());

  test.each([
    ['light', 1_440],
    ['dark', 1_440],
    ['light', 375],
    ['dark', 375],
  ] as const)('passes axe in %s at %i px, with a running scenario and all layers open', async (scheme, width) => {
    const page = await guests.visit({ scheme, width, height: 812 });
    expect(await violations(page)).toEqual([]);
    await page.locator('.scenario').first().click();
    await page.locator('.layer-name').evaluateAll((names) => names.forEach((name) => (name as HTMLElement).click()));
    await page.locator('.waterfall-stage').focus();
    await page.waitForFunction(() => document.querySelector('.duel-kyoa td:nth-child(2)')?.textContent?.includes('%'));
    await page.keyboard.press('ArrowRight');
    await page.locator('.story').waitFor();
    expect(await violations(page)).toEqual([]);
  });

  test.each([375, 768, 1_024, 1_440])('never scrolls sideways at %i px', async (width) => {
    const page = await guests.visit({ width, height: 812 });
    await page.locator('.scenario').first().click();
    await page.locator('.layer-name').evaluateAll((names) => names.forEach((name) => (name as HTMLElement).click()));
    await page.locator('.group').evaluateAll((groups) => groups.forEach((group) => group.setAttribute('open', '')));
    expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
  });

  test('moves its dots only without reduced motion', async () => {
    for (const reducedMotion of [true, false]) {
      const page = await guests.visit({ reducedMotion });
      await page.waitForFunction(() =>
        document.querySelector('.duel-kyoa td:nth-child(2)')?.textContent?.includes('%'),
      );
      const flies = await page.evaluate(async () => {
        const canvas = document.querySelector<HTMLCanvasElement>('.rings canvas')!;
        const isDrawn = (): boolean =>
          canvas
            .getContext('2d')!
            .getImageData(0, 0, canvas.width, canvas.height)
            .data.some((value) => value > 0);
        const frame = (): Promise<unknown> => new Promise((resolve) => requestAnimationFrame(resolve));
        let frames = 0;
        while (frames < 60 && !isDrawn()) frames += await frame().then(() => 1);
        return frames < 60;
      });
      expect(flies).toBe(!reducedMotion);
      await guests.leave();
    }
  });

  test('keeps a chosen theme over a reload', async () => {
    const page = await guests.visit({ scheme: 'light' });
    await page.getByRole('button', { name: 'Use dark colours' }).click();
    await page.reload();
    await page.getByRole('button', { name: 'Use light colours' }).waitFor();
    const paper = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    expect(paper).toBe('rgb(17, 13, 22)');
  });

  test('writes nothing to the console', () => {
    expect(guests.complaints).toEqual([]);
  });
});

describe('the first load of the page', { timeout: 30_000 }, () => {
  test('takes less than 150 kB from the server of npm start', async () => {
    await using guests = await visitors('server');
    const page = await guests.visit();
    const bytes = await page.evaluate(() => {
      const entries = [
        ...performance.getEntriesByType('navigation'),
        ...performance.getEntriesByType('resource'),
      ] as PerformanceResourceTiming[];
      const files = entries.filter(({ name }) => !name.includes('/api/'));
      return files.reduce((sum, { transferSize }) => sum + transferSize, 0);
    });
    expect(bytes).toBeGreaterThan(20_000);
    expect(bytes).toBeLessThan(150_000);
  });
});
