/** The report of `kyoa load`, opened from the disk in Chromium. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { chromium, type Browser } from 'playwright';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { loopback } from '../../../recipes/loopback.ts';
import { findChromium } from '../../../support/lanes.ts';
import { violations } from '../../../playground/page/axe.ts';
import { kyoa } from '../kyoa.ts';

let browser: Browser;
let folder: string;
let file: string;
beforeAll(async () => {
  const executablePath = findChromium();
  browser = await chromium.launch({
    ...(executablePath && { executablePath }),
    args: ['--no-sandbox', '--disable-gpu'],
  });
  folder = mkdtempSync(join(tmpdir(), 'kyoa-report-'));
  file = join(folder, 'report.html');
  let index = 0;
  await using server = await loopback((_, response) => {
    response.statusCode = (index += 1) % 4 === 0 ? 500 : 200;
    response.end('x');
  });
  const run = ['--for', '1500ms', '--warmup', '0s', '--rate', '40', '--peak', '2', '--compare', '--max-errors', '1%'];
  await kyoa('load', `${server.url}/a/<b>?token=secret`, ...run, '--report', file);
}, 60_000);
afterAll(async () => {
  await browser.close();
  rmSync(folder, { recursive: true });
});

describe('the report', () => {
  test('is one file without a script or a link, and without the query of the URL', () => {
    const text = readFileSync(file, 'utf8');
    expect(text).not.toMatch(/<script|<link|<img|@import|url\(/);
    expect(text).not.toContain('secret');
    expect(text).toContain('/a/%3Cb%3E?…');
  });

  test.each([
    ['light', 1_280],
    ['dark', 1_280],
    ['light', 375],
    ['dark', 375],
  ] as const)('asks for nothing, passes axe in %s at %i px, and never scrolls sideways', async (colorScheme, width) => {
    const page = await browser.newPage({ colorScheme, viewport: { width, height: 800 } });
    const asked: string[] = [];
    page.on('request', (request) => asked.push(request.url()));
    await page.goto(pathToFileURL(file).href);
    expect(asked).toEqual([pathToFileURL(file).href]);
    expect(await violations(page)).toEqual([]);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(width);
    await page.close();
  });

  test('draws the latency of both, the rate, the histogram and the failed calls', async () => {
    const page = await browser.newPage();
    await page.goto(pathToFileURL(file).href);
    const titles = await page.getByRole('heading', { level: 2 }).allTextContents();
    expect(titles).toEqual(
      expect.arrayContaining([
        'Latency of kyoa',
        'Latency of plain fetch',
        'Calls a second',
        'Calls by latency',
        'Failed calls of plain fetch',
      ]),
    );
    const lines = await page
      .locator('svg path.line')
      .evaluateAll((paths) => paths.map((path) => path.getAttribute('d')!));
    expect(lines.length).toBeGreaterThanOrEqual(10);
    expect(lines.filter((d) => !/^M[\d.]/.test(d) || /NaN|Infinity|undefined/.test(d))).toEqual([]);
    const outside = await page.locator('svg').evaluateAll((charts) =>
      charts.flatMap((chart) => {
        const { left, right, top, bottom } = chart.getBoundingClientRect();
        return Array.from(chart.querySelectorAll('path, rect, text'), (part) => part.getBoundingClientRect())
          .filter(
            (part) => part.left < left - 1 || part.right > right + 1 || part.top < top - 1 || part.bottom > bottom + 1,
          )
          .map((part) => JSON.stringify(part));
      }),
    );
    expect(outside).toEqual([]);
    await page.close();
  });
});
