/** Every part of the page, used like a visitor, on the real flaky server and on the simulated network. */
import type { Page } from 'playwright';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import { visitors, type Visitors } from './visit.ts';

const layers = (page: Page): Promise<string[]> => page.locator('.layer-name b').allTextContents();
const rings = (page: Page): Promise<string[]> => page.locator('.skin text').allTextContents();
const success = (lane: 'plain' | 'kyoa') => `.duel-${lane} td:nth-child(2)`;
const press = (page: Page, name: string): Promise<void> => page.getByRole('button', { name, exact: true }).click();

/** Waits until the text of the element matches. The page writes five times a second. */
async function until(page: Page, selector: string, passes: RegExp): Promise<void> {
  await expect.poll(() => page.locator(selector).first().textContent(), { timeout: 8_000 }).toMatch(passes);
}

describe.each(['server', 'simulated'] as const)('the page on the %s network', { timeout: 60_000 }, (network) => {
  let guests: Visitors;
  beforeAll(async () => {
    guests = await visitors(network);
  }, 60_000);
  afterEach(() => guests.leave());
  afterAll(() => guests[Symbol.asyncDispose]());

  test('names its network, and shows the figures of both lanes', async () => {
    const page = await guests.visit();
    await until(page, '#where', network === 'server' ? /real flaky server/ : /simulated in this page/);
    for (const lane of ['plain', 'kyoa'] as const) await until(page, success(lane), /^\d+(\.\d)? %$/);
    for (const name of ['p50', 'p99']) await until(page, `.chart-key li:has-text("${name}") b`, /\d m?s/);
    await page.waitForFunction(
      () => Number(document.querySelector('.layer-count .number:last-child')?.textContent) > 3,
    );
  });

  test('moves its sliders with a preset, and fails every response with the outage switch', async () => {
    const page = await guests.visit();
    await press(page, 'brown-out');
    await until(page, '.slider:has-text("Median") output', /^120 ms$/);
    await until(page, '.slider:has-text("Errors") output', /^20 %$/);
    await press(page, 'steady');
    await page.getByRole('switch', { name: /Outage/ }).click();
    expect(await page.getByRole('switch', { name: /Outage/ }).getAttribute('aria-checked')).toBe('true');
    await page.waitForFunction(
      (cell) => Number.parseFloat(document.querySelector(cell)?.textContent ?? '') < 60,
      success('plain'),
    );
  });

  test('changes the value of a slider by keyboard', async () => {
    const page = await guests.visit();
    const median = page.locator('.slider:has-text("Median") input');
    await median.focus();
    const before = await page.locator('.slider:has-text("Median") output').textContent();
    await page.keyboard.press('PageUp');
    expect(await page.locator('.slider:has-text("Median") output').textContent()).not.toBe(before);
  });

  test('switches a layer off and on together with its ring', async () => {
    const page = await guests.visit();
    expect(await rings(page)).toContain('breaker');
    const toggle = page.getByRole('switch', { name: 'breaker' });
    await toggle.click();
    expect(await rings(page)).not.toContain('breaker');
    await until(page, '#code-panel', /^(?![^]*breaker)/);
    await toggle.click();
    expect(await rings(page)).toContain('breaker');
  });

  test('moves a layer by keyboard and announces it, and moves it back on Escape', async () => {
    const page = await guests.visit();
    const before = await layers(page);
    await page.getByRole('button', { name: /Move retry/ }).focus();
    await page.keyboard.press('Space');
    await until(page, '#announce', /retry grabbed/);
    await page.keyboard.press('ArrowUp');
    const at = before.indexOf('retry');
    await until(page, '#announce', new RegExp(`retry, layer ${at} of ${before.length}`));
    await page.keyboard.press('ArrowUp');
    const moved = await layers(page);
    expect(moved.indexOf('retry')).toBe(at - 2);
    expect(await rings(page)).toEqual(moved.filter((name) => name !== 'endpoints')); // endpoints is off
    await page.keyboard.press('Escape');
    expect(await layers(page)).toEqual(before);

    await page.keyboard.press('Space');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Space');
    await until(page, '#announce', /retry dropped/);
    expect((await layers(page)).indexOf('retry')).toBe(at + 1);
  });

  test('moves a layer by pointer', async () => {
    const page = await guests.visit({ height: 1_600 });
    const before = await layers(page);
    const from = (await page.getByRole('button', { name: /Move retry/ }).boundingBox())!;
    const to = (await page.locator('.layer').first().boundingBox())!;
    await page.mouse.move(from.x + 6, from.y + 8);
    await page.mouse.down();
    await page.mouse.move(from.x + 6, to.y + 4, { steps: 12 });
    await page.mouse.up();
    expect(await layers(page)).toEqual(['retry', ...before.filter((name) => name !== 'retry')]);
    expect((await rings(page))[0]).toBe('retry');
  });

  test('shows the error of kyoa at the field of an invalid option', async () => {
    const page = await guests.visit();
    await page.locator('.layer-name', { hasText: 'retry' }).click();
    const field = page.getByRole('textbox', { name: /^Retries/ });
    await field.fill('-1');
    const complaint = page.locator('.field', { has: field }).locator('.complaint');
    await complaint.filter({ hasText: /must be a whole number of 0 or more, got -1/ }).waitFor();
    expect(await field.getAttribute('aria-invalid')).toBe('true');
    await field.fill('1');
    await complaint.waitFor({ state: 'hidden' });
    await until(page, '#code-panel', /retry\(\{ retries: 1/);
  });

  test('adds a policy as a layer, and removes it again', async () => {
    const page = await guests.visit();
    await page.getByRole('button', { name: /^Add fallback/ }).click({ noWaitAfter: true });
    expect(await layers(page)).toContain('fallback');
    await page.locator('.layer-name', { hasText: 'fallback' }).click();
    await press(page, 'Remove fallback');
    expect(await layers(page)).not.toContain('fallback');
  });

  test('shows the events of a call that is chosen by keyboard or by pointer', async () => {
    const page = await guests.visit();
    await until(page, success('kyoa'), /%/);
    await page.locator('.waterfall-stage').focus();
    await page.keyboard.press('ArrowRight');
    await until(page, '.events', /request\.started[^]*attempt\.sent/);
    await until(page, '#announce', /^GET /);
    await page.keyboard.press('ArrowLeft');
    await page.keyboard.press('Escape');
    expect(await page.locator('.story').isVisible()).toBe(false);

    await press(page, 'Freeze');
    const { x, y, width, height } = (await page.locator('.waterfall-stage').boundingBox())!;
    for (let i = 0; i < 60 && !(await page.locator('.story').isVisible()); i += 1) {
      await page.mouse.click(x + width - 12 - (i % 12) * 14, y + 8 + Math.floor(i / 12) * 16 * Math.floor(height / 96));
    }
    expect(await page.locator('.story').isVisible()).toBe(true);
  });

  test('charges a payment with kyoa once, after many clicks, a reload and clicks in two tabs', async () => {
    const page = await guests.visit();
    await press(page, 'steady');
    for (let i = 0; i < 5; i += 1) await press(page, 'Pay with kyoa');
    await until(page, '.pay-lane:nth-child(2) .charged b', /^1×$/);
    await page.reload();
    await page.waitForSelector('html[data-ready]');
    await press(page, 'Pay with kyoa');
    await until(page, '.pay-lane:nth-child(2) .pay-last', /Replayed the first response/);
    await until(page, '.records tbody', /done/);
    await until(page, '.records tbody', /\d\d:\d\d:\d\d/);

    const other = await guests.visit({ hash: '#v=1&net=steady' }, page.context()); // a server has one network for all tabs
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

  test('copies the code that it shows, for a module or a script tag', async () => {
    const page = await guests.visit();
    await press(page, 'Copy');
    await until(page, '#announce', /Copied/);
    const copied = await page.evaluate(() => navigator.clipboard.readText());
    expect(copied).toBe(await page.locator('#code-panel').textContent());
    expect(copied).toMatch(/from 'kyoa'/);
    await page.getByRole('tab', { name: 'Module' }).press('ArrowRight');
    expect(await page.getByRole('tab', { name: 'Script tag' }).getAttribute('aria-selected')).toBe('true');
    await until(page, '#code-panel', /<script/);
  });

  test('shares the whole configuration with a link', async () => {
    const page = await guests.visit();
    await press(page, 'slow tail');
    await page.getByRole('switch', { name: 'dedupe' }).click();
    await page.getByRole('button', { name: 'Share', exact: true }).click();
    const shared = await page.evaluate(() => navigator.clipboard.readText());
    const other = await guests.visit({ hash: new URL(shared).hash });
    expect(await rings(other)).toEqual(await rings(page));
    expect(await layers(other)).toEqual(await layers(page));
    await until(other, '.chip[aria-pressed="true"]', /^slow tail$/);
  });

  test('shows a scenario step by step until the visitor leaves it', async () => {
    const page = await guests.visit();
    const before = await layers(page);
    const cards = page.locator('.scenario');
    expect(await cards.count()).toBeGreaterThanOrEqual(5);
    await cards.first().click();
    await until(page, '.tour-place', /step 1 of \d/);
    await page.waitForFunction(() => document.querySelector('.watched') !== null);
    await press(page, 'Next');
    await until(page, '.tour-place', /step 2 of \d/);
    await press(page, 'Back');
    await until(page, '.tour-place', /step 1 of \d/);
    await press(page, 'Leave');
    expect(await page.locator('.tour').isVisible()).toBe(false);
    expect(await layers(page)).toEqual(before);
  });

  test('writes nothing to the console', () => {
    expect(guests.complaints).toEqual([]);
  });
});
