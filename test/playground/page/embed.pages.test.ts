/** The custom element `<kyoa-live>` in a page of another site, in a real Chromium. */
import { chromium, type Browser, type Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { readLink } from '../../../playground/model/link.ts';
import { findChromium } from '../../support/lanes.ts';
import { violations } from './axe.ts';
import { countPending, pending } from './pending.ts';
import { serve, type Served } from './serve.ts';

describe('<kyoa-live>', { timeout: 30_000 }, () => {
  let served: Served;
  let browser: Browser;
  let page: Page;
  const requested = new Set<string>();
  const errors: string[] = [];

  beforeAll(async () => {
    served = await serve('simulated', 'flaky', 'embed');
    const path = findChromium();
    browser = await chromium.launch({ ...(path && { executablePath: path }), args: ['--no-sandbox', '--disable-gpu'] });
    page = await browser.newPage();
    page.setDefaultTimeout(8_000);
    page.on('request', (request) => requested.add(new URL(request.url()).origin));
    page.on('pageerror', (error) => errors.push(String(error)));
    page.on('console', (message) => message.type() === 'error' && errors.push(message.text()));
    await page.route('**/guide', (route) => route.fulfill({ contentType: 'text/html', body: guide }));
    await page.addInitScript(countPending);
  }, 120_000); // it builds the element
  afterAll(async () => {
    await browser.close();
    await served.close();
  });

  /** Opens a new page with these elements, all of them on the screen. */
  async function open(names: readonly string[], width = 1_280): Promise<void> {
    await page.setViewportSize({ width, height: Math.max(800, names.length * (width < 500 ? 800 : 560)) });
    await page.goto(`${served.url}/guide`);
    await page.evaluate((names) => {
      for (const name of names) {
        const element = document.createElement('kyoa-live');
        element.setAttribute('policy', name);
        document.querySelector('main')!.append(element);
      }
    }, names);
    await page
      .locator('kyoa-live .live')
      .nth(names.length - 1)
      .waitFor();
  }

  test('pauses, and runs again', async () => {
    await open(['dedupe']);
    await expect.poll(() => isPainting(page)).toBe(true);
    await page.getByRole('button', { name: 'Pause' }).click();
    await expect.poll(() => isPainting(page)).toBe(false);
    await page.getByRole('button', { name: 'Run' }).click();
    await expect.poll(() => isPainting(page)).toBe(true);
  });

  test('stops when it is off the screen, also its calls', async () => {
    await page.evaluate(() => {
      document.querySelector('main')!.style.paddingTop = '9000px';
      scrollTo(0, 0);
    });
    await expect.poll(() => page.evaluate(pending), { timeout: 8_000 }).toMatchObject({ timers: 0, frames: 0 });
    await page.evaluate(() => document.querySelector('kyoa-live')!.scrollIntoView());
    await expect.poll(() => isPainting(page)).toBe(true);
  });

  test('leaves no timer, listener or observer when it is removed, and starts again when it is inserted', async () => {
    await page.evaluate(() => document.querySelector('kyoa-live')!.remove());
    await expect.poll(() => page.evaluate(pending)).toEqual({ timers: 0, frames: 0, observers: 0, listeners: 0 });
    await page.evaluate(() => {
      const element = document.createElement('kyoa-live');
      element.setAttribute('policy', 'breaker');
      document.querySelector('main')!.prepend(element);
    });
    await expect.poll(() => page.locator('kyoa-live .live').count()).toBe(1);
    await page.evaluate(() => {
      const element = document.querySelector('kyoa-live')!;
      element.remove();
      document.querySelector('main')!.prepend(element);
      element.setAttribute('policy', 'retry');
      element.scrollIntoView();
    });
    await page.getByText('retry at work').waitFor();
    await expect.poll(() => isPainting(page)).toBe(true);
  });

  test('links to the playground with its own weather and options', async () => {
    await open(['retry']);
    await page.getByRole('slider', { name: /Retries/ }).fill('200');
    await page.getByRole('slider', { name: /Errors/ }).fill('200');
    const href = await page.getByRole('link', { name: 'Open in the playground' }).getAttribute('href');
    expect(href).toMatch(`${served.url}/#`);
    const { configuration, complaints } = readLink(new URL(href!).hash);
    expect(complaints).toEqual([]);
    expect(configuration.settings.errors.rate).toBe(0.6);
    expect(configuration.stack).toMatchObject([{ policy: 'retry', on: true, options: { retries: 5 } }]);
  });

  test('has the theme of the page, else that of the system', async () => {
    const paper = (): Promise<string> =>
      page.locator('.live').evaluate((element) => getComputedStyle(element).backgroundColor);
    const [light, dark] = ['rgb(255, 255, 255)', 'rgb(26, 21, 34)'];
    const root = (className: string, colorScheme: string): Promise<void> =>
      page.evaluate(
        ([className, colorScheme]) => {
          document.documentElement.className = className!;
          document.documentElement.style.colorScheme = colorScheme!;
        },
        [className, colorScheme],
      );
    expect(await paper()).toBe(light);
    await page.emulateMedia({ colorScheme: 'dark' });
    await expect.poll(paper).toBe(dark);
    await root('', 'light');
    await expect.poll(paper).toBe(light);
    await root('dark', '');
    await expect.poll(paper).toBe(dark);
    await page.emulateMedia({ colorScheme: 'light' });
    await expect.poll(paper).toBe(dark);
    await root('', '');
    await expect.poll(paper).toBe(light);
  });

  test('with reduced motion it runs only on request', async () => {
    await page.emulateMedia({ reducedMotion: 'reduce' });
    await open(['retry']);
    expect(await page.evaluate(pending)).toMatchObject({ timers: 0, frames: 0 });
    await page.getByRole('button', { name: 'Run' }).click();
    await expect.poll(() => page.locator('.lane-kyoa dd').first().textContent()).toMatch(/%/);
    await page.emulateMedia({ reducedMotion: 'no-preference' });
  });

  test.each([
    ['light', 1_280],
    ['dark', 390],
  ] as const)('passes axe in %s at %i px, and never scrolls sideways', async (colorScheme, width) => {
    await page.emulateMedia({ colorScheme });
    await open(['breaker', 'log'], width);
    expect(await violations(page)).toEqual([]);
    expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
  });

  test('reports a policy that it does not know, with those that it knows', async () => {
    expect(errors).toEqual([]);
    await page.evaluate(() => document.querySelector('kyoa-live')!.setAttribute('policy', 'retries'));
    await expect.poll(() => errors.splice(0).join()).toMatch(/policy="retries".*must be one of .*retry/);
  });
});

const guide = `<!doctype html><html lang="en"><head><meta charset="utf-8" /><title>A guide</title>
<meta name="viewport" content="width=device-width, initial-scale=1" />
<style>:root { color-scheme: light dark } main { max-width: 760px; margin: 0 auto }</style></head>
<body><main><h1>A guide</h1></main><script type="module" src="/embed.js"></script></body></html>`;

/** Whether the picture changes within some frames. */
function isPainting(page: Page): Promise<boolean> {
  return page.evaluate(async () => {
    const canvas = document.querySelector('kyoa-live')!.shadowRoot!.querySelector('canvas')!;
    const before = canvas.toDataURL();
    for (let frame = 0; frame < 10; frame += 1) await new Promise((resolve) => requestAnimationFrame(resolve));
    return canvas.toDataURL() !== before;
  });
}
