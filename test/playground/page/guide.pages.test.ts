/** The guided scenarios, followed like a visitor. */
import type { Page } from 'playwright';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { scenarios } from '../../../playground/model/scenarios.ts';
import { layers, press, until } from './use.ts';
import { calls, turnTo, visitors, type Visitors } from './visit.ts';

const places = scenarios.flatMap(({ id, steps }) => steps.map((_, i) => `#${id}/${i + 1}`));

describe('the guide', { timeout: 60_000 }, () => {
  let guests: Visitors;
  let page: Page;
  beforeAll(async () => {
    guests = await visitors('simulated');
    page = await guests.visit();
    await press(page, 'Pause');
  }, 60_000);
  beforeEach(() => turnTo(page, calls));
  afterAll(() => guests[Symbol.asyncDispose]());

  test.each([
    [1_440, 900],
    [375, 812],
  ])('shows on the screen what each step describes, at %i × %i', async (width, height) => {
    await page.setViewportSize({ width, height });
    await page.emulateMedia({ reducedMotion: 'reduce' }); // the page scrolls at once
    for (const place of places) {
      await turnTo(page, place);
      await page.waitForFunction((place) => location.hash === place, place);
      // The parts above change while a step begins.
      await expect.poll(async () => [place, await page.evaluate(hiddenPart)]).toEqual([place, '']);
    }
    await page.emulateMedia({ reducedMotion: 'no-preference' });
    await page.setViewportSize({ width: 1_440, height: 900 });
  });

  test('keeps the figures of four lanes apart on a phone', async () => {
    await page.setViewportSize({ width: 375, height: 812 });
    await turnTo(page, '#adaptive/3');
    const gaps = await page.evaluate(() =>
      Array.from(document.querySelectorAll('.duel tbody tr'), (row) => {
        const figures = Array.from(row.querySelectorAll('td > span'), (figure, i) => {
          figure.textContent = ['88.8 %', '888 ms', '888 ms', '8.88'][i]!;
          return figure.getBoundingClientRect();
        });
        return Math.min(...figures.slice(1).map(({ left }, i) => left - figures[i]!.right));
      }),
    );
    expect(gaps).toHaveLength(4);
    expect(Math.min(...gaps)).toBeGreaterThan(5);
    await page.setViewportSize({ width: 1_440, height: 900 });
  });

  test('goes from step to step by its buttons, by keyboard, and by the buttons of the browser', async () => {
    await page.locator('.scenario').first().click();
    await until(page, '.tour h3', /^A few errors$/);
    await press(page, 'Next');
    await until(page, '.tour h3', /^Then everything fails$/);
    await expect.poll(() => new URL(page.url()).hash).toBe('#storm/2');
    await page.keyboard.press('ArrowRight');
    await until(page, '.tour h3', /^With a budget$/);
    await page.keyboard.press('ArrowLeft');
    await until(page, '.tour h3', /^Then everything fails$/);
    await press(page, 'Back');
    await until(page, '.tour h3', /^A few errors$/);
    await page.goBack();
    await until(page, '.tour h3', /^Then everything fails$/);
    await page.locator('.tour-steps a').nth(3).click();
    await until(page, '.tour h3', /^A few errors again$/);
    expect(await page.getByRole('button', { name: 'Run' }).isVisible()).toBe(true); // the calls are still paused
  });

  test('returns to the configuration of before, or keeps that of the last step', async () => {
    const before = await layers(page);
    await turnTo(page, '#breaker/1');
    await page.keyboard.press('Escape');
    expect(await page.locator('.tour').isVisible()).toBe(false);
    expect(await layers(page)).toEqual(before);
    await expect.poll(() => new URL(page.url()).hash).toMatch(/^#v=1&/);

    await turnTo(page, '#breaker/4');
    await press(page, 'Leave with this setup');
    expect(await page.locator('.tour').isVisible()).toBe(false);
    expect(await layers(page)).toEqual(['timeout', 'retry']);
  });

  test('keeps what the visitor changed in a step in its address, until a reset', async () => {
    await turnTo(page, '#hedge/5');
    await page.getByRole('button', { name: /^Add hedge/ }).click({ noWaitAfter: true });
    await expect.poll(() => new URL(page.url()).hash).toMatch(/^#hedge\/5&v=1&.*hedge\(\)/);
    await page.reload();
    await page.waitForSelector('html[data-ready]');
    await until(page, '.tour-place', /^Why hedging/);
    expect(await layers(page)).toEqual(['timeout', 'hedge']);
    await press(page, 'Reset');
    await expect.poll(() => new URL(page.url()).hash).toBe('#hedge/5');
    expect(await layers(page)).toEqual(['timeout']);
  });

  test('ticks the aims of a goal, and the goal when it is reached', async () => {
    await run(page);
    await turnTo(page, '#storm/5');
    await until(page, '.goal-progress', /^Goal: 0 of 2 reached$/);
    await until(page, '.aims', /now [34]\.\d\d/);
    await turnTo(page, '#storm/5&v=1&net=flaky&outage=true&rate=60&use=timeout(total:5000)~retry(budget.floor:1)');
    await until(page, '.goal-progress', /^Goal: 1 of 2 reached$/);
    await page.getByRole('switch', { name: /Outage/ }).click();
    await until(page, '.goal-progress', /^Goal reached$/);
  });

  test('shows the onion for a goal that is reached there, and what the step describes again', async () => {
    await page.emulateMedia({ reducedMotion: 'reduce' });
    for (const [place, back] of [
      ['#once/4', 'Show the payments'],
      ['#hot/4', 'Show the figures'],
    ] as const) {
      await turnTo(page, place);
      await press(page, 'Show the onion');
      await expect.poll(() => page.evaluate(hiddenPart)).toBe('');
      expect(await page.locator('.watched').getAttribute('id')).toBe('onion');
      const add = await page
        .getByRole('button', { name: /^Add dedupe/ })
        .first()
        .boundingBox();
      expect([place, add!.y > 200 && add!.y < 900]).toEqual([place, true]);
      await press(page, back);
      await expect.poll(() => page.evaluate(hiddenPart)).toBe('');
      expect(await page.locator('.watched').getAttribute('id')).not.toBe('onion');
    }
    await page.emulateMedia({ reducedMotion: 'no-preference' });
  });

  test('shows the network where a step needs it', async () => {
    await page.emulateMedia({ reducedMotion: 'reduce' });
    await turnTo(page, '#hot/3');
    await press(page, 'Show the network');
    await page.getByRole('switch', { name: /Outage/ }).click();
    await press(page, 'Show the hot items');
    await expect.poll(() => page.evaluate(hiddenPart)).toBe('');
    await page.emulateMedia({ reducedMotion: 'no-preference' });
  });

  test('offers the next scenario when the goal is reached', async () => {
    await run(page);
    await turnTo(page, '#typing/3&v=1&net=steady&latency.median=500&rate=2&use=latest()');
    const next = page.getByRole('link', { name: /^Next scenario/ });
    await press(page, 'Type for me');
    await until(page, '.goal-progress', /^Goal reached$/);
    expect(await next.count()).toBe(0); // this is the last one
    expect(await page.locator('.duel-kyoa th small').textContent()).toMatch(/^0 of \d+ lost.*, [56] replaced$/);

    await turnTo(page, '#queue/4&v=1&net=steady&latency.median=50&rate=50&use=limit(concurrency:100)');
    await until(page, '.aims', /now 1\.00, for [1-4] s more/);
    await until(page, '.goal-progress', /^Goal reached$/);
    await next.click();
    await until(page, '.tour-place', /^Search as you type$/);
  });

  test('writes nothing to the console', () => {
    expect(guests.complaints).toEqual([]);
  });
});

async function run(page: Page): Promise<void> {
  if (await page.getByRole('button', { name: 'Run' }).isVisible()) await press(page, 'Run');
}

/** What hides the described part: the bar, the panel of the step or the edge of the window. Empty if it can be seen. */
async function hiddenPart(): Promise<string> {
  const frame = (): Promise<unknown> => new Promise((resolve) => requestAnimationFrame(resolve));
  await frame();
  await frame();
  const watched = document.querySelector('.watched')!;
  const element = document.getElementById(document.getElementById('tour')!.dataset['watch']!)!;
  const { left, top, width, height } = element.getBoundingClientRect();
  const isAlone = ['latency', 'layers'].includes(element.id);
  const edge = isAlone ? top : watched.getBoundingClientRect().top;
  const tour = document.querySelector('.tour')!;
  if (tour.scrollHeight > tour.clientHeight) return 'the end of the panel';
  const panel = tour.getBoundingClientRect();
  if (panel.top < edge && panel.bottom > edge) return `the top of ${element.id}`;
  for (const button of isAlone ? [] : watched.querySelectorAll('header button')) {
    const { x, y, width, height } = button.getBoundingClientRect();
    if (document.elementFromPoint(x + width / 2, y + height / 2) !== button) return button.textContent;
  }
  // The upper part of an element that is higher than the window is enough.
  for (const y of [top + 4, top + Math.min(height - 4, 220)]) {
    const found = document.elementFromPoint(left + width / 2, y);
    if (!found || !watched.contains(found))
      return `${element.id} at ${Math.round(y)}: ${found?.className ?? 'outside'}`;
  }
  return '';
}
