/** The built page in a real Chromium, on a given network, with every error that it reports. */
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright';

import { findChromium } from '../../support/lanes.ts';
import { serve, type Network, type Served } from './serve.ts';

export interface Wishes {
  readonly width?: number;
  readonly height?: number;
  readonly scheme?: 'light' | 'dark';
  readonly reducedMotion?: boolean;
  /** The hash of the URL, which sets the network. A server keeps its settings from one page to the next. @default flaky */
  readonly hash?: string;
}

export interface Visitors extends AsyncDisposable {
  readonly url: string;
  /** Opens a page in a new browser profile, or in the given one. */
  visit(wishes?: Wishes, profile?: BrowserContext): Promise<Page>;
  /** Closes every page. */
  leave(): Promise<void>;
  /** Each error that a page has thrown or written to the console. */
  readonly complaints: readonly string[];
}

export async function visitors(network: Network): Promise<Visitors> {
  const served: Served = await serve(network);
  const path = findChromium();
  const browser: Browser = await chromium.launch({
    ...(path && { executablePath: path }),
    args: ['--no-sandbox', '--disable-gpu'],
  });
  const complaints: string[] = [];

  return {
    url: served.url,
    complaints,
    async visit(
      { width = 1_440, height = 900, scheme = 'light', reducedMotion = false, hash = '#v=1&net=flaky' } = {},
      profile,
    ) {
      const context =
        profile ??
        (await browser.newContext({
          viewport: { width, height },
          colorScheme: scheme,
          reducedMotion: reducedMotion ? 'reduce' : 'no-preference',
          permissions: ['clipboard-read', 'clipboard-write'],
        }));
      const page = await context.newPage();
      page.setDefaultTimeout(8_000);
      page.on('pageerror', (error) => complaints.push(String(error)));
      page.on('console', (message) => {
        // A browser logs each failed request as an error, and the flaky server makes many requests fail.
        const isExpected = network === 'server' && message.text().startsWith('Failed to load resource');
        if (message.type() === 'error' && !isExpected) complaints.push(message.text());
      });
      await page.goto(`${served.url}/${hash}`);
      await page.waitForSelector('html[data-ready]');
      return page;
    },
    async leave() {
      await Promise.all(browser.contexts().map((context) => context.close()));
    },
    async [Symbol.asyncDispose]() {
      await browser.close();
      await served.close();
    },
  };
}
