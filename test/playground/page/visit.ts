/** The built page in a real Chromium, on a given network, with every error that it reports. */
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright';

import { findChromium } from '../../support/lanes.ts';
import { serve, type Network, type Served } from './serve.ts';

export const calls = '#v=1&net=flaky&rate=15';

export interface Wishes {
  readonly width?: number;
  readonly height?: number;
  readonly scheme?: 'light' | 'dark';
  readonly reducedMotion?: boolean;
  /** The hash of the URL. The calls are few, because every one costs the machine of the test. @default flaky */
  readonly hash?: string;
}

export interface Visitors extends AsyncDisposable {
  readonly url: string;
  /** Opens a page in a new browser profile, or in the given one. */
  visit(wishes?: Wishes, profile?: BrowserContext): Promise<Page>;
  /** Opens an empty page in a new browser profile. */
  browse(wishes?: Wishes): Promise<Page>;
  /** Closes every page. */
  leave(): Promise<void>;
  /** Each error that a page has thrown or written to the console. */
  readonly complaints: readonly string[];
}

/** `preset` names the settings of the server. */
export async function visitors(network: Network, preset?: string): Promise<Visitors> {
  const served: Served = await serve(network, preset);
  const path = findChromium();
  const browser: Browser = await chromium.launch({
    ...(path && { executablePath: path }),
    args: ['--no-sandbox', '--disable-gpu'],
  });
  const complaints: string[] = [];

  const newProfile = ({ width = 1_440, height = 900, scheme = 'light', reducedMotion = false }: Wishes) =>
    browser.newContext({
      viewport: { width, height },
      colorScheme: scheme,
      reducedMotion: reducedMotion ? 'reduce' : 'no-preference',
      permissions: ['clipboard-read', 'clipboard-write'],
    });

  async function browse(wishes: Wishes = {}, profile?: BrowserContext): Promise<Page> {
    const page = await (profile ?? (await newProfile(wishes))).newPage();
    page.setDefaultTimeout(15_000);
    page.on('pageerror', (error) => complaints.push(String(error)));
    page.on('console', (message) => {
      // A browser logs each failed request as an error, and the flaky server makes many requests fail.
      const isExpected = network === 'server' && message.text().startsWith('Failed to load resource');
      if (message.type() === 'error' && !isExpected) complaints.push(message.text());
    });
    return page;
  }

  return {
    url: served.url,
    complaints,
    browse,
    async visit(wishes = {}, profile) {
      const page = await browse(wishes, profile);
      await page.goto(`${served.url}/${wishes.hash ?? calls}`);
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

/** Opens an address in a page that is open already, which is quicker than a visit. */
export async function turnTo(page: Page, hash: string): Promise<void> {
  await page.evaluate(
    (hash) =>
      new Promise<void>((resolve) => {
        addEventListener('hashchange', () => resolve(), { once: true });
        if (location.hash === hash) resolve();
        else location.hash = hash;
      }),
    hash,
  );
}
