/** The examples of docs/examples do what their first lines say. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';

import { chromium, type Browser } from 'playwright';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { bearer } from '../../docs/examples/bearer.ts';
import { titles } from '../../docs/examples/script.ts';
import { stub } from '../support/call.ts';
import { findChromium, root } from '../support/lanes.ts';

const types: Readonly<Record<string, string>> = { '.html': 'text/html', '.js': 'text/javascript' };

/** Serves the pages of docs/examples beside what a build leaves for them, and an API whose statuses a test decides. */
let server: Server;
let origin: string;
let statuses: readonly number[];
let asked: number;

beforeEach(async () => {
  statuses = [200];
  asked = 0;
  server = createServer(({ url = '/' }, response) => {
    const path = url.slice(1).replace('node_modules/kyoa/dist/', '');
    if (path.startsWith('api/')) {
      response.statusCode = statuses[Math.min(asked, statuses.length - 1)]!;
      asked += 1;
      return void response.setHeader('content-type', 'application/json').end('[{"name":"Ada"},{"name":"Grace"}]');
    }
    if (path === 'page') return void response.end('<title>A page</title>');
    const file = ['docs/examples', 'dist'].map((folder) => join(root, folder, path)).find(existsSync);
    if (file === undefined || path === '') return void response.writeHead(404).end();
    response.setHeader('content-type', types[extname(file)] ?? 'text/plain');
    return void response.end(readFileSync(file));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
});

describe('in Chromium', () => {
  let browser: Browser;
  beforeAll(async () => {
    if (!existsSync(join(root, 'dist'))) execFileSync('npm', ['run', 'build'], { cwd: root });
    const path = findChromium();
    browser = await chromium.launch({ ...(path && { executablePath: path }), args: ['--no-sandbox', '--disable-gpu'] });
  }, 60_000);
  afterAll(() => browser.close());

  async function shown(path: string): Promise<string[]> {
    const context = await browser.newContext();
    // The public API of first.html is this server's.
    await context.route('https://jsonplaceholder.typicode.com/**', async (route) => {
      await route.fulfill({ response: await route.fetch({ url: `${origin}/api/users` }) });
    });
    const page = await context.newPage();
    await page.goto(`${origin}/${path}`);
    await page.waitForSelector('li');
    const names = await page.locator('li').allTextContents();
    await context.close();
    return names;
  }

  test.each(['first.html', 'script-tag.html', 'module.html', 'service-worker.html'])(
    '%s shows what a failing API has',
    async (path) => {
      statuses = [503, 200];
      expect(await shown(path)).toEqual(['Ada', 'Grace']);
      expect(asked).toBe(2);
    },
  );

  test('service-worker.html shows what it had before, when its API is down', async () => {
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(`${origin}/service-worker.html`);
    await page.waitForSelector('li');
    statuses = [500];
    await page.reload();
    await page.waitForSelector('li');
    expect(await page.locator('li').allTextContents()).toEqual(['Ada', 'Grace']);
    expect(asked).toBeGreaterThan(1);
    await context.close();
  });
});

describe('script.ts', () => {
  test('reads the titles of pages, and says which could not be had', async () => {
    expect(await titles([`${origin}/page`, `${origin}/nothing`])).toEqual(['A page', undefined]);
  });
});

describe('bearer.ts', () => {
  const renewals = (): { renew: () => Promise<string>; count: () => number } => {
    let count = 0;
    return { renew: async () => `token ${(count += 1)}`, count: () => count };
  };

  test('signs with a token that is asked for once', async () => {
    const { renew, count } = renewals();
    const { fetch, sent } = stub([bearer({ renew })], () => new Response());
    await fetch('https://api.example.com/');
    await fetch('https://api.example.com/');
    expect(sent.map(({ headers }) => headers.get('authorization'))).toEqual(['Bearer token 1', 'Bearer token 1']);
    expect(count()).toBe(1);
  });

  test('sends a refused request once more, whole, under a new token', async () => {
    const { renew } = renewals();
    const { fetch, sent, types } = stub(
      [bearer({ renew })],
      (attempt) => new Response('', { status: attempt === 1 ? 401 : 200 }),
    );
    const response = await fetch('https://api.example.com/', { method: 'POST', body: 'one ticket' });
    expect(response.status).toBe(200);
    expect(sent.map(({ headers }) => headers.get('authorization'))).toEqual(['Bearer token 1', 'Bearer token 2']);
    expect(await sent[1]!.text()).toBe('one ticket');
    expect(types()).toContain('bearer.renewed');
  });

  test('renews once for calls that were refused together', async () => {
    const { renew, count } = renewals();
    const { fetch } = stub([bearer({ renew })], (attempt) => new Response('', { status: attempt <= 3 ? 401 : 200 }));
    const responses = await Promise.all(['a', 'b', 'c'].map((path) => fetch(`https://api.example.com/${path}`)));
    expect(responses.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(count()).toBe(2);
  });

  test('fails with the renewal, and asks anew at the next call', async () => {
    let failing = true;
    const renew = async (): Promise<string> => {
      if (failing) throw new Error('no token today');
      return 'token';
    };
    const { fetch } = stub([bearer({ renew })], () => new Response());
    await expect(fetch('https://api.example.com/')).rejects.toThrow('no token today');
    failing = false;
    expect((await fetch('https://api.example.com/')).status).toBe(200);
  });

  test('leaves a call alone that says so, and names a bad option', async () => {
    const { renew, count } = renewals();
    const { fetch, sent } = stub([bearer({ renew })], () => new Response());
    await fetch('https://api.example.com/', { bearer: false } as RequestInit);
    expect(sent[0]!.headers.has('authorization')).toBe(false);
    expect(count()).toBe(0);
    expect(() => bearer({} as never)).toThrow('bearer renew must be a function');
  });
});
