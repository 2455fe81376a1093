/** Every part of the page that does not depend on its network, used like a visitor. */
import type { Page } from 'playwright';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { layers, press, rings, until } from './use.ts';
import { calls, turnTo, visitors, type Visitors } from './visit.ts';

describe('the page', { timeout: 60_000 }, () => {
  let guests: Visitors;
  let page: Page;
  beforeAll(async () => {
    guests = await visitors('simulated');
    page = await guests.visit({ height: 1_600 });
    await press(page, 'Pause'); // the calls do not matter here
  }, 60_000);
  beforeEach(() => turnTo(page, calls));
  afterAll(() => guests[Symbol.asyncDispose]());

  test('changes the value of a slider by keyboard', async () => {
    const median = page.locator('.slider:has-text("Median") input');
    await median.focus();
    const before = await page.locator('.slider:has-text("Median") output').textContent();
    await page.keyboard.press('PageUp');
    expect(await page.locator('.slider:has-text("Median") output').textContent()).not.toBe(before);
  });

  test.each([1_440, 375])('shows the default of every option whole, %i pixels wide', async (width) => {
    await page.setViewportSize({ width, height: 1_600 });
    await turnTo(page, '#v=1&net=steady&rate=1&use=retry()~hedge()~breaker()~dedupe()~idempotency()~staleIfError()');
    for (const button of await page.locator('.layer-name').all()) await button.click();
    const cut = await page.locator('.fields input').evaluateAll((inputs) =>
      (inputs as HTMLInputElement[]).flatMap((input) => {
        const { font, paddingLeft, paddingRight } = getComputedStyle(input);
        const context = document.createElement('canvas').getContext('2d')!;
        context.font = font;
        const room = input.clientWidth - Number.parseFloat(paddingLeft) - Number.parseFloat(paddingRight);
        const isHidden = input.closest('[hidden]') !== null;
        return !isHidden && context.measureText(input.placeholder).width > room
          ? [`${input.name}: ${input.placeholder}`]
          : [];
      }),
    );
    expect(cut).toEqual([]);
    await page.setViewportSize({ width: 1_440, height: 1_600 });
  });

  test('switches a layer off and on together with its ring', async () => {
    expect(await rings(page)).toContain('breaker');
    const toggle = page.getByRole('switch', { name: 'breaker' });
    await toggle.click();
    expect(await rings(page)).not.toContain('breaker');
    await until(page, '#code-panel', /^(?![^]*breaker)/);
    await toggle.click();
    expect(await rings(page)).toContain('breaker');
  });

  test('moves a layer by keyboard and announces it, and moves it back on Escape', async () => {
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

  test('gives a misplaced layer a hint in the words of its policy, and moves it into its place', async () => {
    await turnTo(page, '#v=1&use=hedge()~retry()');
    const hint = page.locator('.layer-hint:visible');
    expect(await hint.textContent()).toMatch(/hedge is outside retry\. Placed inside retry and outside/);
    await hint.getByRole('button', { name: 'Move hedge' }).click();
    expect(await layers(page)).toEqual(['retry', 'hedge']);
    expect(await hint.count()).toBe(0);
  });

  test('shows the error of kyoa at the field of an invalid option', async () => {
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
    await page.getByRole('button', { name: /^Add fallback/ }).click({ noWaitAfter: true });
    expect(await layers(page)).toContain('fallback');
    await page.locator('.layer-name', { hasText: 'fallback' }).click();
    await press(page, 'Remove fallback');
    expect(await layers(page)).not.toContain('fallback');
  });

  test('takes changes back one by one, and all of them at once', async () => {
    const before = await layers(page);
    const undo = page.getByRole('button', { name: 'Undo', exact: true });
    expect(await undo.isDisabled()).toBe(true);
    await press(page, 'slow tail');
    await page.getByRole('switch', { name: 'dedupe' }).click();
    await undo.click();
    await until(page, '#code-panel', /dedupe\(\)/);
    await page.keyboard.press('Control+z');
    await until(page, '.chip[aria-pressed="true"]', /^flaky$/);
    expect(await undo.isDisabled()).toBe(true);

    await page.getByRole('button', { name: /^Add race/ }).click({ noWaitAfter: true });
    await press(page, 'Reset');
    expect(await layers(page)).toEqual(before);
    await undo.click();
    expect(await layers(page)).toContain('race');
  });

  test('copies the code that it shows, for Node or for a page', async () => {
    await press(page, 'Copy');
    await until(page, '#announce', /Copied/);
    const copied = await page.evaluate(() => navigator.clipboard.readText());
    expect(copied).toBe(await page.locator('#code-panel').textContent());
    expect(copied).toMatch(/from 'kyoa'/);
    expect(copied).toContain(`fetch('${guests.url}/api/items.json`);
    await page.getByRole('tab', { name: 'Node' }).press('ArrowRight');
    expect(await page.getByRole('tab', { name: 'Page' }).getAttribute('aria-selected')).toBe('true');
    await until(page, '#code-panel', /<script/);
  });

  test('shares the whole configuration with a link', async () => {
    await press(page, 'slow tail');
    await page.getByRole('switch', { name: 'dedupe' }).click();
    await page.getByRole('button', { name: 'Share', exact: true }).click();
    const shared = await page.evaluate(() => navigator.clipboard.readText());
    const [names, circles] = [await layers(page), await rings(page)];
    await turnTo(page, calls);
    await turnTo(page, new URL(shared).hash);
    expect([await layers(page), await rings(page)]).toEqual([names, circles]);
    await until(page, '.chip[aria-pressed="true"]', /^slow tail$/);
  });

  test('writes nothing to the console', () => {
    expect(guests.complaints).toEqual([]);
  });
});
