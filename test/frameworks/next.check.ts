/** The application of docs/recipes/next.md, built for production and used from outside and from Chromium. */
import assert from 'node:assert/strict';
import { execFileSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';

import { chromium } from 'playwright';

import { cli, start, stop } from '../runtimes/next.ts';
import { findChromium } from '../support/lanes.ts';
import { deferred } from '../support/promises.ts';

const app = join(process.env['KYOA_PROJECT']!, 'next');
const data = mkdtempSync(join(tmpdir(), 'kyoa-next-'));

/** The other service. */
const catalog = createServer((incoming, response) => {
  seen.push(incoming);
  respond(response, incoming);
});
let seen: IncomingMessage[] = [];
let respond: (response: ServerResponse, incoming: IncomingMessage) => void;
const found = (response: ServerResponse): void => {
  response.setHeader('content-type', 'application/json').end('{"name":"a ticket"}');
};

after(() => rmSync(data, { recursive: true }));

describe('Next', () => contract('off'));
describe('Next with cacheComponents', () => contract('on'));

function contract(cacheComponents: 'on' | 'off'): void {
  let child: ChildProcess;
  let url: string;

  before(async () => {
    catalog.listen(0, '127.0.0.1');
    await once(catalog, 'listening');
    const env = {
      ...process.env,
      NEXT_TELEMETRY_DISABLED: '1',
      CATALOG_URL: `http://127.0.0.1:${(catalog.address() as AddressInfo).port}/`,
      DATABASE: join(data, `${cacheComponents}.db`),
      CACHE_COMPONENTS: cacheComponents,
    };
    rmSync(join(app, '.next'), { recursive: true, force: true });
    execFileSync(process.execPath, [cli(join(app, '../..')), 'build'], { cwd: app, env, stdio: 'inherit' });
    ({ child, url } = await start(app, env, join(app, '../..')));
  });
  after(async () => {
    await stop(child);
    catalog.close();
    catalog.closeAllConnections();
    await once(catalog, 'close');
  });
  beforeEach(() => {
    seen = [];
    respond = found;
  });

  const order = (headers: Record<string, string>): Promise<Response> =>
    fetch(`${url}api/orders`, { method: 'POST', body: '{"product":"1"}', headers });

  test('a server component retries, and Next keeps the response', async () => {
    respond = (response) => (seen.length === 1 ? void response.writeHead(503).end() : found(response));
    for (const _ of [1, 2]) assert.match(await (await fetch(`${url}products/kept`)).text(), /<h1>a ticket<\/h1>/);
    assert.equal(seen.length, 2);
  });

  test('a route handler passes the identity on', async () => {
    const response = await fetch(`${url}api/products/1`, { headers: { authorization: 'Bearer Ada' } });
    assert.deepEqual(await response.json(), { name: 'a ticket' });
    assert.equal(seen[0]!.headers.authorization, 'Bearer Ada');
  });

  test('a call of a route handler ends when its client goes away', async () => {
    const arrived = deferred<ServerResponse>();
    respond = arrived.resolve;
    const client = new AbortController();
    const call = fetch(`${url}api/products/1`, { signal: client.signal });
    const upstream = await arrived.promise;
    client.abort();
    await assert.rejects(call, { name: 'AbortError' });
    await once(upstream, 'close');
    assert.equal(upstream.writableFinished, false);
  });

  test('a repeated order is executed once, and that of another user is another order', async () => {
    const place = async (authorization: string): Promise<string> => {
      const response = await order({ authorization, 'idempotency-key': 'one' });
      assert.equal(response.status, 201);
      return ((await response.json()) as { id: string }).id;
    };
    const first = await place('Bearer Ada');
    assert.equal(await place('Bearer Ada'), first);
    assert.notEqual(await place('Bearer Grace'), first);
    assert.equal(seen.length, 2);
  });

  test('an error of the handler is one 500, without its message', async () => {
    const response = await fetch(`${url}api/orders`, { method: 'POST', body: 'no json, but a secret' });
    assert.equal(response.status, 500);
    assert.doesNotMatch(await response.text(), /secret|JSON/);
  });

  test('a client component shows the response to the latest search only', async () => {
    const path = findChromium();
    const browser = await chromium.launch({ ...(path && { executablePath: path }), args: ['--no-sandbox'] });
    try {
      const page = await browser.newPage();
      const errors: string[] = [];
      page.on('pageerror', (error) => errors.push(error.message));
      await page.goto(`${url}search`);
      const arrived = deferred<ServerResponse>();
      respond = (response, { url }) => (url === '/products/1' ? arrived.resolve(response) : found(response));
      await page.locator('input').fill('1');
      const first = await arrived.promise;
      const closed = once(first, 'close');
      await page.locator('input').fill('2');
      await page.locator('p', { hasText: 'a ticket' }).waitFor();
      await closed; // the search that was replaced has been aborted, through Next, at the other service
      assert.equal(first.writableFinished, false);
      assert.deepEqual(errors, []);
    } finally {
      await browser.close();
    }
  });

  test('SIGTERM ends the process', async () => {
    child.kill('SIGTERM');
    await once(child, 'close');
  });
}
