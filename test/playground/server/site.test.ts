import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { presets } from '../../../playground/network/presets.ts';
import { findServer } from '../../../playground/network/server-network.ts';
import { startFlaky } from '../../../playground/server/flaky.ts';
import type { Flaky } from '../../../playground/server/flaky.ts';
import { openSite } from '../../../playground/server/site.ts';

describe('the site', () => {
  const folder = mkdtempSync(join(tmpdir(), 'kyoa-site-'));
  let flaky: Flaky;
  beforeAll(async () => {
    mkdirSync(join(folder, 'dist'));
    writeFileSync(join(folder, 'secret.txt'), 'secret');
    writeFileSync(join(folder, 'dist/index.html'), `<!doctype html>${'<p>'.repeat(1_000)}`);
    writeFileSync(join(folder, 'dist/main.js'), 'export {};');
    const site = openSite(join(folder, 'dist'));
    flaky = await startFlaky({ settings: presets['steady']!.settings, doors: 2, site });
  });
  afterAll(async () => {
    await flaky.close();
    rmSync(folder, { recursive: true });
  });

  test('serves its index compressed, with a content security policy', async () => {
    const { statusCode, headers } = await get('/', { 'accept-encoding': 'gzip, br;q=1' });
    expect(statusCode).toBe(200);
    expect(headers).toMatchObject({ 'content-type': 'text/html; charset=utf-8', 'content-encoding': 'br' });
    expect(headers['content-security-policy']).toContain("default-src 'none'");
    expect(Number(headers['content-length'])).toBeLessThan(200);
    expect((await get('/main.js', {})).headers['content-encoding']).toBeUndefined();
  });

  test('responds with 304 to a known etag', async () => {
    const { headers } = await get('/main.js', {});
    expect((await get('/main.js', { 'if-none-match': headers.etag! })).statusCode).toBe(304);
  });

  test.each(['/../secret.txt', '/%2e%2e/secret.txt', '/..%2fsecret.txt', '//secret.txt', '/secret.txt'])(
    'serves no file outside its folder: %s',
    async (path) => {
      expect((await get(path, {})).statusCode).toBe(404);
    },
  );

  test('leaves its paths to the API, and is found by its page', async () => {
    const network = await findServer(flaky.url);
    expect(network?.kind).toBe('server');
    const response = await network!.fetch(`${flaky.url}/kyoa/api/items`);
    expect(response.url).not.toContain(flaky.url); // over one of the other ports
    expect(await response.json()).toMatchObject({ lane: 'kyoa' });
    expect(await network!.change({ resets: 0.5 })).toMatchObject({ resets: 0.5 });
    await expect(network!.change({ resets: 5 })).rejects.toMatchObject({ field: 'resets' });
  });

  function get(path: string, headers: Record<string, string>): Promise<IncomingMessage> {
    const { hostname, port } = new URL(flaky.url);
    const sent = request({ hostname, port, path, headers }).end();
    return once(sent, 'response').then(([response]: IncomingMessage[]) => response!.resume());
  }
});

test('findServer finds no server on a static host', async () => {
  expect(await findServer('http://127.0.0.1:9')).toBeUndefined();
});
