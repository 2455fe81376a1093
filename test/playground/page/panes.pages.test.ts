/** The panes below the onion, used like a visitor, on the simulated network. All tests share one page. */
import type { Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { violations } from './axe.ts';
import { visitors, type Visitors } from './visit.ts';

const timeout = 15_000;

describe('the panes', { timeout: 30_000 }, () => {
  let guests: Visitors;
  let page: Page;
  beforeAll(async () => {
    guests = await visitors('simulated');
    page = await guests.visit({ width: 1_280, height: 3_000 });
  }, 120_000); // it builds the page
  afterAll(() => guests[Symbol.asyncDispose]());

  const press = (name: string): Promise<void> => page.getByRole('button', { name, exact: true }).click();
  const numbers = (selector: string): Promise<number[]> =>
    page
      .locator(selector)
      .allTextContents()
      .then((all) => all.map(Number));
  /** Opens a configuration in the same page. */
  const turn = (hash: string): Promise<void> => page.evaluate((hash) => void (location.hash = hash), hash);
  const patient = { timeout };

  test('are as high before they are seen as when they are', async () => {
    const unseen = await guests.visit({ height: 600, hash: '#whole/1' });
    expect(await unseen.locator('#hot tbody tr:visible').count()).toBe(1);
    await unseen.getByRole('button', { name: 'Many calls ask for a few hot items' }).evaluate((chip: HTMLElement) => {
      chip.click();
    });
    expect(await unseen.locator('#hot tbody tr:visible').count()).toBe(6);
    await unseen.close();
  });

  test('show the spans and the log line of a call with a retry, and then of the chosen one', async () => {
    await turn('#v=1&net=steady&errors.rate=0.5&rate=15&use=retry(backoff.base:50)');
    await expect
      .poll(
        () =>
          page
            .locator('.spans li')
            .allTextContents()
            .then((all) => all.join()),
        patient,
      )
      .toMatch(/request 1, eu503.*retry 2, eu/);
    await expect
      .poll(() => page.locator('.log-line').textContent(), patient)
      .toMatch(/"level": "(warn|error)"[^]*"attempts": [2-4]/);
    await page.locator('.waterfall-stage').focus();
    const chosen = async (): Promise<string | null> => {
      await page.keyboard.press('ArrowRight'); // there may be no call to choose at this moment
      return page.locator('#trace h3').first().textContent();
    };
    await expect.poll(chosen, patient).toMatch(/^The chosen call: GET/);
    await page.keyboard.press('Escape');
  });

  test('count what dedupe shares, item by item, after both have been switched on', async () => {
    await turn('#v=1&net=steady&latency.median=300&rate=40&use=');
    await press('Many calls ask for a few hot items');
    await expect.poll(() => page.locator('#hot th[scope="row"]').first().textContent(), patient).toBe('hot 1');
    expect(await page.locator('#hot .wish').count()).toBe(2);
    await press('Add dedupe');
    await expect
      .poll(() => numbers('#hot tr:nth-child(1) td:nth-child(4)').then(([shared]) => shared! > 3), patient)
      .toBe(true);
    await press('Responses may be stored');
    await press('Add staleIfError');
    await expect
      .poll(() => numbers('#hot tr:nth-child(1) td:nth-child(2)').then(([calls]) => calls! > 10), patient)
      .toBe(true);
    await page.getByRole('switch', { name: /Outage/ }).click();
    await expect
      .poll(() => numbers('#hot tr:nth-child(1) td:nth-child(5)').then(([stale]) => stale! > 2), patient)
      .toBe(true);
    expect(await page.locator('#hot .wish:visible').count()).toBe(0);
  });

  test('show the permits of limit, and the calls that wait', async () => {
    await turn('#v=1&net=steady&latency.median=400&rate=40&use=');
    expect(await page.locator('#queue svg').isVisible()).toBe(false);
    await turn('#v=1&net=steady&latency.median=400&rate=40&use=limit(concurrency:5)');
    await expect
      .poll(() => page.locator('.queue-words').textContent(), patient)
      .toMatch(/^5 of 5 permits in use, [1-9]\d* calls wait$/);
    expect(await page.locator('.permits .used').count()).toBe(5);
    await expect.poll(() => page.locator('.waiting i').count(), patient).toBeGreaterThan(3);
  });

  test('replace a search by the next one with latest, and not without', async () => {
    await turn('#v=1&net=steady&latency.median=600&latency.sigma=0&rate=1&use=');
    const states = (lane: string): Promise<string[]> =>
      page
        .locator(`.search-${lane} .search-history li`)
        .evaluateAll((all) => all.map(({ dataset }) => dataset['state']!));
    await page.getByLabel('Search', { exact: true }).pressSequentially('retr');
    await expect.poll(() => states('kyoa'), patient).toEqual(Array(4).fill('answered'));
    await press('Add latest');
    await page.getByLabel('Search', { exact: true }).pressSequentially('y');
    await press('Type for me');
    await expect
      .poll(() => page.locator('.search-kyoa .search-shown').textContent(), patient)
      .toBe('Results for “request”');
    expect((await states('kyoa')).slice(0, 7)).toEqual(['answered', ...Array<string>(6).fill('replaced')]);
    await expect.poll(() => states('plain').then((all) => all.slice(0, 7)), patient).toEqual(Array(7).fill('answered'));
    expect(await page.locator('.search-kyoa .search-results li').allTextContents()).toEqual(['request']);
  });

  test('show what a handler executes of orders that arrive more than once', async () => {
    await press('Press ten times');
    const figures = (lane: string): Promise<number[]> => numbers(`#handler .search-${lane} dd`);
    // Requests, executed, twice or more, refused. The lost response is asked for again.
    await expect.poll(() => figures('plain'), patient).toEqual([11, 11, 1, 0]);
    await expect.poll(() => figures('kyoa'), patient).toEqual([11, 1, 0, 0]);
    await press('Ten orders at once');
    await expect
      .poll(
        () => figures('kyoa').then(([, executed, twice, refused]) => executed! > 5 && twice === 0 && refused! > 0),
        patient,
      )
      .toBe(true);
  });

  test('show half a picture of plain fetch, and the whole one of kyoa, on a line that breaks', async () => {
    await turn('#v=1&net=steady&cuts=0.7&drip.share=1&drip.gap=20&rate=1&use=retry(backoff.base:20)');
    const words = (): Promise<string[]> => page.locator('.picture-words').allTextContents();
    await press('Add resume');
    await expect
      .poll(async () => {
        await press('Load a picture');
        await expect
          .poll(
            () =>
              words().then((all) => all.every((each) => !/%.*bytes(, c|$)/.test(each) || each.startsWith('Broken'))),
            patient,
          )
          .toBe(true);
        return (await words()).map((each) => each.split(' after ')[0]);
      }, patient)
      .toEqual(['Broken off', 'Whole']);
    const drawn = (lane: number): Promise<number> =>
      page
        .locator('.picture-frame canvas')
        .nth(lane)
        .evaluate((canvas: HTMLCanvasElement) => {
          const { width, height } = canvas;
          return canvas.getContext('2d')!.getImageData(width - 1, height - 1, 1, 1).data[3]!;
        });
    expect([await drawn(0), await drawn(1)]).toEqual([0, 255]);
  });

  test('show what becomes of orders when the network and then the page go away', async () => {
    const words = (): Promise<string[]> => page.locator('.order-words').allTextContents();
    const marks = (): Promise<string[]> => page.locator('.orders .sr').allTextContents();
    await press('Order');
    await expect.poll(marks, patient).toEqual(['arrived', 'arrived']);
    await press('Go offline');
    await press('Order');
    const waiting = '1 of 2 executed, 1 waiting';
    await expect.poll(words, patient).toEqual([waiting, waiting]);
    await press('Reload the page');
    await expect.poll(words, patient).toEqual(['1 of 2 executed, 1 lost', waiting]);
    await press('Go online');
    await expect.poll(words, patient).toEqual(['1 of 2 executed, 1 lost', '2 of 2 executed']);
    expect(await marks()).toEqual(['lost', 'arrived', 'arrived', 'arrived']);
  });

  test('sign two tabs out by an interceptor when their token expires, and not with auth', async () => {
    const words = (): Promise<string[]> => page.locator('.token-words').allTextContents();
    await press('Call in both tabs');
    await expect.poll(() => page.locator('.token-calls [data-state="good"]').count(), patient).toBe(16);
    await press('Let the token expire');
    await expect
      .poll(words, patient)
      .toEqual([expect.stringMatching(/^1 renewal, \d with a used token; signed out$/), '1 renewal; signed in']);
    await expect.poll(() => page.locator('.token-calls [data-state="running"]').count(), patient).toBe(0);
    const refused = (lane: number): Promise<number> =>
      page.locator('.token-lane').nth(lane).locator('[data-state="refused"]').count();
    expect(await refused(0)).toBeGreaterThan(0);
    expect(await refused(1)).toBe(0);
    await press('Sign in again');
    await expect
      .poll(words, patient)
      .toEqual([expect.stringContaining('signed in'), expect.stringContaining('signed in')]);
  });

  test('draw a core for each region, and show which one is ejected', async () => {
    await turn('#v=1&net=one-dead-region&rate=40&use=retry()');
    await expect.poll(() => page.locator('.cores').count(), patient).toBe(0);
    await turn('#v=1&net=one-dead-region&rate=40&use=retry()~endpoints(eject.failures:2)');
    await expect.poll(() => page.locator('.cores text').allTextContents(), patient).toEqual(['eu', 'us', 'ap']);
    await expect.poll(() => page.locator('.cores-note').textContent(), patient).toMatch(/^eu \d+\.\d %, ejected · us/);
    expect(await page.locator('.cores .ejected').count()).toBe(1);
  });

  test.each([
    ['light', 1_280],
    ['dark', 390],
  ] as const)('pass axe in %s at %i px, with all that they show', async (colorScheme, width) => {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' }); // no colour is on its way to another
    await page.setViewportSize({ width, height: 2_000 });
    await turn('#v=1&net=flaky&calls.hot=0.5&rate=20&use=latest()~dedupe()~retry()~limit(concurrency:3)~endpoints()');
    await expect.poll(() => page.locator('.cores text').count(), patient).toBe(3);
    expect(await violations(page)).toEqual([]);
    expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
  });

  test('write nothing to the console', () => {
    expect(guests.complaints).toEqual([]);
  });
});
