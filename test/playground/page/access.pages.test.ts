/** The page for all visitors: axe, light and dark, a phone, reduced motion, a slow connection. */
import type { Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { scenarios } from '../../../playground/model/scenarios.ts';
import { violations } from './axe.ts';
import { press } from './use.ts';
import { calls, turnTo, visitors, type Visitors } from './visit.ts';

describe('the page', { timeout: 60_000 }, () => {
  let guests: Visitors;
  let page: Page;
  beforeAll(async () => {
    guests = await visitors('simulated');
    page = await guests.visit();
    await page.waitForFunction(() => document.querySelector('.duel-kyoa td:nth-child(2)')?.textContent?.includes('%'));
    await press(page, 'Pause');
  }, 60_000);
  afterAll(() => guests[Symbol.asyncDispose]());

  test('passes axe as it opens', async () => {
    expect(await violations(page)).toEqual([]);
  });

  test('passes axe and never scrolls sideways with a goal, a hint, a story and all layers open', async () => {
    await turnTo(page, '#adaptive/5&v=1&net=flaky&use=hedge()~retry()~timeout(headers.kind:p99)~limit(concurrency:9)');
    await page.locator('.layer-name').evaluateAll((names) => names.forEach((name) => (name as HTMLElement).click()));
    await page.locator('.group').evaluateAll((groups) => groups.forEach((group) => group.setAttribute('open', '')));
    await press(page, 'Run');
    await page.locator('.waterfall-stage').focus();
    await expect
      .poll(async () => {
        await page.keyboard.press('ArrowRight');
        return page.locator('.story').isVisible();
      })
      .toBe(true);
    await press(page, 'Pause');
    for (const [colorScheme, width] of [
      ['light', 1_440],
      ['dark', 1_440],
      ['dark', 375],
      ['light', 375],
    ] as const) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' }); // no colour on its way to another one
      await page.setViewportSize({ width, height: 812 });
      expect([colorScheme, width, await violations(page)]).toEqual([colorScheme, width, []]);
    }
    for (const width of [375, 768, 1_024, 1_440]) {
      await page.setViewportSize({ width, height: 812 });
      const excess = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      expect([width, Math.max(0, excess)]).toEqual([width, 0]);
    }
  });

  test('passes axe on a phone whose strip of scenarios is scrolled to the last one', async () => {
    await page.setViewportSize({ width: 375, height: 812 });
    await turnTo(page, `#${scenarios.at(-1)!.id}/1`);
    const strip = page.locator('.strip');
    await expect.poll(() => strip.evaluate(({ scrollLeft }) => scrollLeft)).toBeGreaterThan(375);
    expect(await violations(page)).toEqual([]);
    await page.setViewportSize({ width: 1_440, height: 812 });
  });

  test('moves its dots only without reduced motion', async () => {
    await turnTo(page, calls);
    await press(page, 'Run');
    for (const reducedMotion of ['reduce', 'no-preference'] as const) {
      await page.emulateMedia({ reducedMotion });
      const flies = await page.evaluate(async () => {
        const canvas = document.querySelector<HTMLCanvasElement>('.rings canvas')!;
        const frame = (): Promise<unknown> => new Promise((resolve) => requestAnimationFrame(resolve));
        const isDrawn = (): boolean =>
          canvas
            .getContext('2d')!
            .getImageData(0, 0, canvas.width, canvas.height)
            .data.some((value) => value > 0);
        await frame();
        let frames = 0;
        while (frames < 60 && !isDrawn()) frames += await frame().then(() => 1);
        return frames < 60;
      });
      expect([reducedMotion, flies]).toEqual([reducedMotion, reducedMotion !== 'reduce']);
    }
  });

  test('draws nothing while it is paused', async () => {
    await press(page, 'Pause');
    const picture = (): Promise<string> =>
      page.evaluate(() => document.querySelector<HTMLCanvasElement>('.waterfall-stage canvas')!.toDataURL());
    await expect.poll(async () => (await picture()) === (await picture())).toBe(true);
    const before = await picture();
    await turnTo(page, '#storm/2');
    await page.waitForFunction(() => document.querySelector('.tour h3')?.textContent === 'Then everything fails');
    expect(await page.getByRole('button', { name: 'Run' }).isVisible()).toBe(true);
    await turnTo(page, calls);
    expect((await picture()) === before).toBe(false); // a step begins with an empty picture
  });

  test('keeps a chosen theme over a reload', async () => {
    await page.emulateMedia({ colorScheme: 'light' });
    await press(page, 'Use dark colours');
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
  test('takes less than 150.5 kB from the server of npm start', async () => {
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
    expect(bytes).toBeLessThan(150_500);
  });
});
