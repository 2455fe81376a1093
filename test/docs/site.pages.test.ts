/** The site, built as for a static host that serves it below a path: links, search, themes, the playground inside. */
import { execFileSync } from 'node:child_process';
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, extname, join, posix } from 'node:path';

import { chromium, type Browser, type Page } from 'playwright';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import { policyPages } from '../../docs/.vitepress/pages.ts';
import { findChromium, root } from '../support/lanes.ts';
import { page as pageOf, pages } from './pages.ts';

const base = '/kyoa/';
const axe = readFileSync(join(root, 'node_modules/axe-core/axe.min.js'), 'utf8');
const types: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
};

const folder = mkdtempSync(join(tmpdir(), 'kyoa-site-'));
let files: ReadonlySet<string>;

beforeAll(() => {
  const vitepress = join(root, 'node_modules/vitepress/bin/vitepress.js');
  execFileSync(process.execPath, [vitepress, 'build', 'docs', '--base', base, '--outDir', folder], { cwd: root });
  files = new Set(globSync('**/*.*', { cwd: folder }));
}, 300_000);
afterAll(() => rmSync(folder, { recursive: true }));

describe('the files', () => {
  const read = (path: string): string => readFileSync(join(folder, path), 'utf8');
  const idsOf = new Map<string, ReadonlySet<string>>();
  function ids(path: string): ReadonlySet<string> {
    const known = idsOf.get(path) ?? new Set(Array.from(read(path).matchAll(/ id="([^"]+)"/g), ([, id]) => id!));
    idsOf.set(path, known);
    return known;
  }

  /** The file of the site to which an address on a page leads, and the anchor. */
  function destination(address: string, page: string): { file: string; anchor: string | undefined } {
    const { pathname, hash } = new URL(address, `http://site${base}${page}`);
    const path = decodeURIComponent(pathname);
    const file = path.startsWith(base) ? path.slice(base.length).replace(/^$|(?<=\/)$/, 'index.html') : path;
    return { file, anchor: hash.length > 1 ? decodeURIComponent(hash.slice(1)) : undefined };
  }

  test('have each page of docs', () => {
    const expected = pages
      .map(({ file }) => file)
      .filter((file) => file.startsWith('docs/') && !['docs/README.md', 'docs/[file].md'].includes(file))
      .map((file) => posix.relative('docs', file).replace('.md', '.html'));
    expect(expected.filter((file) => !files.has(file))).toEqual([]);
    expect(expected.length).toBeGreaterThan(40);
  });

  test('link to files and anchors that exist, and load nothing from elsewhere', () => {
    const faults: string[] = [];
    let count = 0;
    for (const page of files) {
      if (!page.endsWith('.html')) continue;
      for (const [element, address] of read(page).matchAll(/<[^>]+? (?:href|src)="([^"]+)"/g)) {
        count += 1;
        if (address!.startsWith('data:')) continue;
        if (/^([a-z]+:|\/\/)/.test(address!)) {
          if (!element.startsWith('<a ')) faults.push(`${page} loads ${address}`);
          continue;
        }
        const { file, anchor } = destination(address!, page);
        if (!files.has(file)) faults.push(`${page}: there is no ${address}`);
        else if (anchor !== undefined && !ids(file).has(anchor)) faults.push(`${page}: there is no anchor ${address}`);
      }
    }
    expect(faults).toEqual([]);
    expect(count).toBeGreaterThan(3_000);
  });

  test('have a small playground on the page of each policy', () => {
    for (const page of policyPages()) {
      expect(read(page.replace('.md', '.html'))).toContain(`<kyoa-live policy="${basename(page, '.md')}">`);
    }
  });
});

test('the figures of the front page are those of the sections to which it links', () => {
  const reasons = pageOf('docs/index.md').text.matchAll(/^- ## [^\n]+\n([^]+?)\[[^\]]+\]\(benchmarks\.md#([^)]+)\)/gm);
  const sections = new Map(
    pageOf('docs/benchmarks.md')
      .text.split(/^## /m)
      .map((section) => [section.slice(0, section.indexOf('\n')).toLowerCase().replaceAll(' ', '-'), section]),
  );
  const missing = Array.from(reasons, ([, text, anchor]) => {
    const figures = text!.match(/\d[\d.,]*\d|\d/g)!;
    const section = sections.get(anchor!)!;
    return figures.filter((figure) => !new RegExp(`(?<![\\d.,])${figure}(?![\\d]|[.,]\\d)`).test(section));
  });
  expect(missing).toEqual([[], [], [], []]);
});

describe('in Chromium', { timeout: 60_000 }, () => {
  let server: Server;
  let browser: Browser;
  let origin: string;
  const complaints: string[] = [];

  beforeAll(async () => {
    server = createServer(({ url = '/' }, response) => {
      const [path = ''] = url.split('?');
      const file = path.startsWith(base) ? path.slice(base.length).replace(/^$|(?<=\/)$/, 'index.html') : 'none';
      const found = files.has(file);
      const sent = found ? file : '404.html';
      response.writeHead(found ? 200 : 404, { 'content-type': types[extname(sent)] ?? 'application/octet-stream' });
      response.end(readFileSync(join(folder, sent)));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const path = findChromium();
    browser = await chromium.launch({ ...(path && { executablePath: path }), args: ['--no-sandbox', '--disable-gpu'] });
  }, 60_000);
  afterEach(() => Promise.all(browser.contexts().map((context) => context.close())));
  afterAll(async () => {
    await browser.close();
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });

  interface Wishes {
    readonly scheme?: 'light' | 'dark';
    readonly width?: number;
  }

  async function visit(path: string, { scheme = 'light', width = 1_280 }: Wishes = {}): Promise<Page> {
    const context = await browser.newContext({ colorScheme: scheme, viewport: { width, height: 844 } });
    const page = await context.newPage();
    page.on('pageerror', (error) => complaints.push(`${path}: ${error}`));
    page.on('console', (message) => {
      // The browser reports the status of a page that does not exist.
      if (message.type() !== 'error' || message.location().url === `${origin}${base}nothing.html`) return;
      complaints.push(`${path}: ${message.text()}`);
    });
    page.on('request', (request) => {
      if (!/^(data|blob):/.test(request.url()) && !request.url().startsWith(origin)) complaints.push(request.url());
    });
    await page.goto(`${origin}${base}${path}`);
    return page;
  }

  interface Axe {
    run(): Promise<{ readonly violations: readonly { readonly id: string; readonly nodes: { html: string }[] }[] }>;
  }

  async function violations(page: Page): Promise<string[]> {
    await page.evaluate(axe);
    return page.evaluate(async () => {
      const { violations } = await (globalThis as unknown as { axe: Axe }).axe.run();
      return violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 160)}`));
    });
  }

  describe.each(['light', 'dark'] as const)('in %s', (scheme) => {
    test.each(['', 'policies/retry.html', 'idempotency.html'])('"%s" passes axe and fits the screen', async (path) => {
      const page = await visit(path, { scheme });
      expect(await violations(page)).toEqual([]);
      await page.setViewportSize({ width: 390, height: 844 });
      expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
    });
  });

  test('the search finds a section with the keyboard alone', async () => {
    const page = await visit('');
    // The page listens for the key a little after it has loaded.
    await expect
      .poll(
        async () => {
          await page.keyboard.press('Control+k');
          return page.getByRole('searchbox').count();
        },
        { interval: 500, timeout: 15_000 }, // it loads its box then; the key closes one that is open
      )
      .toBe(1);
    await page.getByRole('searchbox').fill('rolling deploy of redis');
    await page.locator('.VPLocalSearchBox .result').first().waitFor();
    await page.keyboard.press('Enter');
    await page.waitForURL(/\.html#/);
    expect(await page.locator('.VPLocalSearchBox').count()).toBe(0);
  });

  test('a chosen theme holds over a reload, also against the system', async () => {
    const page = await visit('policies/retry.html', { scheme: 'light' });
    const theme = page.getByRole('combobox', { name: 'Theme' });
    const isDark = (): Promise<boolean> => page.evaluate(() => document.documentElement.classList.contains('dark'));
    expect([await theme.inputValue(), await isDark()]).toEqual(['auto', false]);
    await theme.selectOption('dark');
    await page.reload();
    await page.waitForFunction(() => document.querySelector('select')?.value === 'dark');
    expect(await isDark()).toBe(true);
    await theme.selectOption('light');
    await page.emulateMedia({ colorScheme: 'dark' });
    expect(await isDark()).toBe(false);
    await theme.selectOption('auto');
    await page.waitForFunction(() => document.documentElement.classList.contains('dark'));
  });

  test('on a phone the text comes first, and a button opens the menu', async () => {
    const page = await visit('policies/retry.html', { width: 390 });
    const heading = page.getByRole('heading', { level: 1 });
    expect((await heading.boundingBox())!.y).toBeLessThan(200);
    const link = page.locator('.VPSidebar').getByRole('link', { name: 'hedge' });
    expect(await link.isVisible()).toBe(false);
    await page.locator('.VPLocalNav').getByRole('button', { name: 'Menu' }).click();
    await link.click();
    await page.waitForURL(/hedge\.html/);
    await page.getByRole('heading', { level: 1, name: 'hedge' }).waitFor();
  });

  test('an address without a page shows the way to the front page', async () => {
    const page = await visit('policies/nothing.html');
    complaints.splice(
      complaints.findIndex((text) => text.includes('404')),
      1,
    );
    await page.getByRole('link', { name: 'To the front page' }).click();
    await page.getByRole('heading', { level: 1, name: 'Good responses' }).waitFor();
  });

  test('the playground runs inside, on its simulated network', async () => {
    const page = await visit('playground.html');
    const playground = page.frameLocator('iframe');
    await playground.locator('html[data-ready]').waitFor();
    expect(await playground.locator('#where').textContent()).toContain('simulated in this page');
    await expect.poll(() => playground.locator('.duel-kyoa td:nth-child(2)').textContent()).toContain('%');
  });

  test.each(['policies/retry.html', 'policies/max-body.html', 'idempotency.html'])(
    'a small playground runs on %s',
    async (path) => {
      const page = await visit(path);
      await page.locator('kyoa-live').scrollIntoViewIfNeeded();
      await page.locator('kyoa-live .live').waitFor();
    },
  );

  test('the pages request nothing from elsewhere and write no error to the console', () => {
    expect(complaints).toEqual([]);
  });
});
