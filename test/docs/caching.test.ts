/** What docs/recipes/caching.md says of the HTTP caches of browsers and of undici. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import kyoa, { dedupe, staleIfError, createFetch } from 'kyoa';
import { chromium } from 'playwright';
import { Agent, getGlobalDispatcher, interceptors, setGlobalDispatcher, type Dispatcher } from 'undici';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { loopback, type Loopback } from '../recipes/loopback.ts';
import { findChromium, root } from '../support/lanes.ts';

let server: Loopback;
let platform: Dispatcher;
let agent: Agent;
beforeEach(async () => {
  platform = getGlobalDispatcher();
  agent = new Agent();
  server = await loopback((_, response) => {
    response.writeHead(200, { 'cache-control': 'max-age=60', date: new Date().toUTCString() }).end('prices');
  });
});
afterEach(async () => {
  setGlobalDispatcher(platform);
  await agent.close();
  await server[Symbol.asyncDispose]();
});

describe('in Node', () => {
  test('the fetch of Node has no HTTP cache, and kyoa adds none', async () => {
    const api = kyoa.create();
    for (const _ of [1, 2]) expect(await api.get(server.url).text()).toBe('prices');
    expect(server.seen).toHaveLength(2);
  });

  test('the cache of undici answers the second call', async () => {
    setGlobalDispatcher(agent.compose(interceptors.cache()));
    const api = kyoa.create();
    for (const _ of [1, 2]) expect(await api.get(server.url).text()).toBe('prices');
    expect(server.seen).toHaveLength(1);
  });

  test('a call that allows no cache asks the server', async () => {
    setGlobalDispatcher(agent.compose(interceptors.cache()));
    const api = kyoa.create();
    await api.get(server.url).text();
    await api.get(server.url, { headers: { 'cache-control': 'no-cache' } }).text();
    expect(server.seen).toHaveLength(2);
  });
});

describe('the cache of undici', () => {
  test('keeps no response to a request with `Authorization`', async () => {
    setGlobalDispatcher(agent.compose(interceptors.cache()));
    const api = kyoa.create({ headers: { authorization: 'Bearer token' } });
    for (const _ of [1, 2]) await api.get(server.url).text();
    expect(server.seen).toHaveLength(2);
  });
});

describe('no cache', () => {
  test('is `dedupe`: a call after the response sends a request', async () => {
    const fetch = createFetch({ use: [dedupe()] });
    for (const _ of [1, 2]) await (await fetch(server.url)).text();
    expect(server.seen).toHaveLength(2);
  });

  test('is `staleIfError`: every call sends a request', async () => {
    const fetch = createFetch({ use: [staleIfError()] });
    for (const _ of [1, 2]) await (await fetch(server.url)).text();
    expect(server.seen).toHaveLength(2);
  });
});

describe('in Chromium', () => {
  const script = join(root, 'dist/kyoa.bundle.js');
  beforeAll(() => {
    if (!existsSync(script)) execFileSync('npm', ['run', 'build'], { cwd: root });
  }, 120_000);

  test('the cache of the browser responds, as `cache` of the call says', { timeout: 30_000 }, async () => {
    await using site = await loopback(({ url }, response) => {
      if (url === '/') return void response.setHeader('content-type', 'text/html').end('<title>A page</title>');
      if (url === '/prices') return void response.setHeader('cache-control', 'max-age=60').end('prices');
      return void response.setHeader('content-type', 'text/javascript').end(readFileSync(script));
    });
    const path = findChromium();
    const browser = await chromium.launch({ ...(path && { executablePath: path }), args: ['--no-sandbox'] });
    try {
      const page = await browser.newPage();
      await page.goto(site.url);
      await page.addScriptTag({
        type: 'module',
        content: `import kyoa from '/kyoa.bundle.js';
          for (const cache of ['default', 'default', 'reload'])
            document.title += ' ' + (await kyoa.get('/prices', { cache }).text());`,
      });
      await page.waitForFunction(() => document.title === 'A page prices prices prices');
    } finally {
      await browser.close();
    }
    expect(site.seen.filter(({ url }) => url === '/prices')).toHaveLength(2);
  });
});
