/** The parts of the page that show its network, on the real flaky server and on the simulated network. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import { press, success, until } from './use.ts';
import { visitors, type Visitors } from './visit.ts';

describe.each(['server', 'simulated'] as const)('the page on the %s network', { timeout: 60_000 }, (network) => {
  let guests: Visitors;
  beforeAll(async () => {
    guests = await visitors(network);
  }, 60_000);
  afterEach(() => guests.leave());
  afterAll(() => guests[Symbol.asyncDispose]());

  test('names it, shows the figures of both lanes, the story of a call, and an outage', async () => {
    const page = await guests.visit();
    await until(page, '#where', network === 'server' ? /real flaky server/ : /simulated in this page/);
    for (const lane of ['plain', 'kyoa'] as const) await until(page, success(lane), /^\d+(\.\d)? %$/);
    await until(page, '.chart-key li:has-text("p99") b', /\d m?s/);
    await page.waitForFunction(
      () => Number(document.querySelector('.layer-count .number:last-child')?.textContent) > 3,
    );

    await page.locator('.waterfall-stage').focus();
    await page.keyboard.press('ArrowRight');
    await until(page, '.story-words', /(\d{3}|failed)[^]* after \d+/);
    await until(page, '.events', /request\.started[^]*attempt\.sent/);
    await until(page, '#announce', /^GET /);
    await page.keyboard.press('Escape');
    expect(await page.locator('.story').isVisible()).toBe(false);

    await press(page, 'Freeze');
    const { x, y, width, height } = (await page.locator('.waterfall-stage').boundingBox())!;
    for (let i = 0; i < 60 && !(await page.locator('.story').isVisible()); i += 1) {
      await page.mouse.click(x + width - 12 - (i % 12) * 14, y + 8 + Math.floor(i / 12) * 16 * Math.floor(height / 96));
    }
    expect(await page.locator('.story').isVisible()).toBe(true);

    await press(page, 'brown-out');
    await until(page, '.slider:has-text("Median") output', /^120 ms$/);
    await page.getByRole('switch', { name: /Outage/ }).click();
    await page.waitForFunction(
      (cell) => Number.parseFloat(document.querySelector(cell)?.textContent ?? '') < 60,
      success('plain'),
    );
    await until(page, '.duel-plain td:nth-child(4)', /> 5 s\d+ % lost/);
  });

  test('marks the end of a call whose body has broken, although its attempt has a response', async () => {
    const page = await guests.visit({ hash: '#v=1&net=broken-bodies&rate=10&use=' });
    const hasMark = (): Promise<boolean> =>
      page.evaluate(() => {
        const canvas = document.querySelector<HTMLCanvasElement>('.waterfall-stage canvas')!;
        const { data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height);
        const colour = [0xcf, 0x2b, 0x3a, 0xff]; // --failed
        for (let at = 0; at < data.length; at += 4) if (colour.every((value, i) => data[at + i] === value)) return true;
        return false;
      });
    await expect.poll(hasMark, { timeout: 15_000 }).toBe(true);
  });

  test('begins every visit with its own settings, which other tabs do not change', async () => {
    const page = await guests.visit();
    await press(page, 'brown-out');
    await page.getByRole('switch', { name: /Outage/ }).click();
    const other = await guests.visit({ hash: '' }, page.context());
    await until(other, '.chip[aria-pressed="true"]', /^flaky$/);
    expect(await other.getByRole('switch', { name: /Outage/ }).getAttribute('aria-checked')).toBe('false');
    await press(other, 'steady');
    await until(page, '.chip[aria-pressed="mixed"]', /^brown-out$/); // with the outage
    await until(page, '.network-changes', /^Changed: Outage$/);
    await until(page, '.slider:has-text("Median") output', /^120 ms$/);
    await until(other, success('plain'), /^(9\d|100)/); // while the other visit has an outage
  });

  test('charges a payment with kyoa once, after many clicks, a reload and clicks in two tabs', async () => {
    const hash = '#v=1&net=steady&rate=1';
    const page = await guests.visit({ hash });
    for (let i = 0; i < 5; i += 1) await press(page, 'Pay with kyoa');
    await until(page, '.pay-lane:nth-child(2) .charged b', /^1×$/);
    await page.reload();
    await page.waitForSelector('html[data-ready]');
    await press(page, 'Pay with kyoa');
    await until(page, '.pay-lane:nth-child(2) .pay-last', /Replayed the first response/);
    await until(page, '.records tbody', /done/);
    await until(page, '.records tbody', /\d\d:\d\d:\d\d/);

    const other = await guests.visit({ hash }, page.context());
    await press(other, 'Pay with kyoa');
    await until(other, '.pay-lane:nth-child(2) .pay-last', /Replayed the first response/);
    await until(other, '.pay-lane:nth-child(2) .charged b', /^1×$/);

    await page.bringToFront(); // a hidden tab gets no frames and cannot be clicked
    for (let i = 0; i < 3; i += 1) await press(page, 'Pay with plain fetch');
    await until(page, '.pay-lane:nth-child(1) .charged b', /^3×$/);
    await until(other, '.pay-lane:nth-child(1) .charged b', /^3×$/);

    await press(page, 'Clear');
    await page.locator('.inspector .hint').waitFor();
    await press(page, 'New order');
    await until(page, '.pay-lane:nth-child(1) .charged b', /^0×$/);
  });

  test('reports a device that is too slow for the rate, while it is', async () => {
    const page = await guests.visit({ hash: '#v=1&net=steady&rate=60' });
    await until(page, '.layer-count .number:last-child', /\d\d/);
    expect(await page.locator('.network-slow').textContent()).toBe('');
    const busy = await page.evaluate(() =>
      setInterval(() => {
        const end = performance.now() + 250;
        while (performance.now() < end);
      }, 300),
    );
    await until(page, '.network-slow', /^This device is too slow for 60 calls a second/);
    await page.evaluate((busy) => clearInterval(busy), busy);
    await until(page, '.network-slow', /^$/);
  });

  test('writes nothing to the console', () => {
    expect(guests.complaints).toEqual([]);
  });
});
