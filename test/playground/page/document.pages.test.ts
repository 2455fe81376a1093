/** The policy document of the onion, edited like a visitor. */
import { readFileSync } from 'node:fs';

import type { Page } from 'playwright';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { violations } from './axe.ts';
import { layers, press, until } from './use.ts';
import { calls, turnTo, visitors, type Visitors } from './visit.ts';

describe('the policy document', { timeout: 60_000 }, () => {
  let guests: Visitors;
  let page: Page;
  beforeAll(async () => {
    guests = await visitors('server');
    page = await guests.visit();
    await press(page, 'Pause');
    await page.getByRole('tab', { name: 'Policy document' }).click();
    await area(page).waitFor();
  }, 60_000);
  beforeEach(async () => {
    await turnTo(page, calls);
    await page.getByRole('tab', { name: 'Policy document' }).click();
    const discard = page.getByRole('button', { name: 'Discard' });
    if (await discard.isVisible()) await discard.click();
  });
  afterAll(() => guests[Symbol.asyncDispose]());

  test('names a fault with its line while it is typed, and becomes the onion when it is mended', async () => {
    await draft(page, '{\n  "use": [\n    { "timeout": 5000 },\n    "rety"\n  ]\n}');
    await until(page, '.findings-list', /^line 4 use\[1\]\.rety is no policy: do you mean retry\?$/);
    expect(await page.locator('[data-mark="problem"]').textContent()).toBe('    "rety"\n');
    expect(await area(page).getAttribute('aria-invalid')).toBe('true');
    expect(await apply(page).isDisabled()).toBe(true);
    expect(await layers(page)).toContain('breaker');

    await page.getByRole('button', { name: 'line 4' }).click();
    await page.keyboard.press('ArrowLeft');
    await page.keyboard.press('ArrowLeft');
    await page.keyboard.type('r');
    await until(page, '.findings-sum', /^1 likely mistake$/);
    expect(await area(page).inputValue()).toContain('"retry"');
    expect(await page.locator('[data-mark]').getAttribute('data-mark')).toBe('mistake');
    await until(page, '.findings-sentences', /retry sends a failed request again/);
    expect(await page.locator('.document-state').textContent()).toBe('Not applied yet');
    await page.keyboard.press('Control+Enter');
    await until(page, '.document-state', /^In force$/);
    expect(await layers(page)).toEqual(['timeout', 'retry', 'endpoints']); // endpoints is off, and stays
    await expect.poll(() => new URL(page.url()).hash).toContain('use=timeout(total:5000)~retry()');
    await press(page, 'Undo');
    expect(await layers(page)).toContain('breaker');
    await expect.poll(() => area(page).inputValue()).toContain('"breaker"');
  });

  test('follows the onion, and keeps a draft until it is discarded', async () => {
    await page.getByRole('switch', { name: 'dedupe' }).click();
    await expect.poll(() => area(page).inputValue()).not.toContain('dedupe');
    await draft(page, '{ "use": ["retry"] }');
    await page.getByRole('switch', { name: 'dedupe' }).click();
    await until(page, '.document-state', /^The onion has changed since$/);
    expect(await area(page).inputValue()).toBe('{ "use": ["retry"] }');
    await press(page, 'Discard');
    expect(await area(page).inputValue()).toContain('"dedupe"');
  });

  test('says what the onion leaves out, and applies the rest', async () => {
    await draft(page, '{\n"use": [\n"log",\n{ "limit": { "concurrency": 9 } }\n],\n"routes": {}\n}');
    await until(page, '.findings-list', /line 3 use\[0\]\.log is left out: the onion has no log/);
    await apply(page).click();
    expect(await layers(page)).toEqual(['limit', 'endpoints']);
    expect(await area(page).inputValue()).toContain('"log"');
  });

  test('opens a file, by the button or dropped, and saves one', async () => {
    const text = '{ "use": ["hedge"] }';
    const [chooser] = await Promise.all([page.waitForEvent('filechooser'), press(page, 'Open a file')]);
    await chooser.setFiles({ name: 'policy.json', mimeType: 'application/json', buffer: Buffer.from(text) });
    await expect.poll(() => area(page).inputValue()).toBe(text);
    await until(page, '#announce', /^policy\.json is open/);

    const dropped = await page.evaluateHandle(() => {
      const transfer = new DataTransfer();
      transfer.items.add(new File(['{ "use": ["dedupe"] }'], 'other.json'));
      return transfer;
    });
    for (const type of ['dragover', 'drop']) await page.dispatchEvent('.document', type, { dataTransfer: dropped });
    await expect.poll(() => area(page).inputValue()).toBe('{ "use": ["dedupe"] }');
    expect(await page.locator('.dropping').count()).toBe(0);

    const [download] = await Promise.all([page.waitForEvent('download'), press(page, 'Download')]);
    expect(download.suggestedFilename()).toBe('policy.json');
    expect(readFileSync(await download.path(), 'utf8')).toBe('{ "use": ["dedupe"] }\n');
    await press(page, 'Copy');
    await until(page, '#announce', /Copied/);
    expect(await page.evaluate(() => navigator.clipboard.readText())).toBe('{ "use": ["dedupe"] }');
  });

  test('moves the traffic by a weight', async () => {
    await turnTo(page, '#canary/1');
    await press(page, 'Run');
    await until(page, '.region-shares', /^eu100 %us0\.0 %ap0\.0 %$/);
    const text = await area(page).inputValue();
    await draft(page, text.replace('"weight": 0', '"weight": 30'));
    await apply(page).click();
    await until(page, '.region-shares', /^eu[23]\d\.\d %us[67]\d\.\d %ap0\.0 %$/);
    await press(page, 'Next');
    await expect.poll(() => area(page).inputValue()).toContain('"weight": 9');
    await press(page, 'Pause');
  });

  test('passes axe, and stays within a phone', async () => {
    const wrong = '{\n  "use": [\n    "rety"\n  ]\n}';
    const odd =
      '{\n  "use": [\n    { "retry": { "retries": 9, "budget": false, "methods": ["GET"] } },\n    "log"\n  ]\n}';
    for (const [text, colorScheme, width] of [
      [wrong, 'light', 1_440],
      [wrong, 'dark', 375],
      [odd, 'dark', 1_440],
      [odd, 'light', 375],
    ] as const) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' }); // no colour on its way to another one
      await page.setViewportSize({ width, height: 812 });
      await draft(page, text);
      await until(page, '.findings-sum', text === wrong ? /problem/ : /2 differences/);
      expect([colorScheme, width, await violations(page)]).toEqual([colorScheme, width, []]);
      const excess = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      expect([width, Math.max(0, excess)]).toEqual([width, 0]);
    }
  });

  test('writes nothing to the console', () => {
    expect(guests.complaints).toEqual([]);
  });
});

/** Replaces the text. Says at once if the page has not taken it, or has written over it. */
async function draft(page: Page, text: string): Promise<void> {
  await area(page).fill(text);
  expect(await area(page).inputValue()).toBe(text);
}

const area = (page: Page) => page.getByRole('textbox', { name: 'Policy document' });
const apply = (page: Page) => page.getByRole('button', { name: 'Apply' });
