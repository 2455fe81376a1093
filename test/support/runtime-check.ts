/** Checks the built package on each Node that kyoa supports. `test/runtimes.ts` runs it. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

import kyoa, { createFetch, standard } from 'kyoa';
import { file } from 'kyoa/file';
import { storageContract } from 'kyoa/testing';
import { undici, type UndiciFetch, type UndiciOptions } from 'kyoa/undici';

let requests = 0;
const server = createServer((request, response) => {
  const { url } = request;
  requests += 1;
  if (url === '/unsteady' && requests % 2 === 1) response.writeHead(503).end();
  else if (url === '/gzip') response.setHeader('content-encoding', 'gzip').end(gzipSync('decoded'));
  else if (url === '/truncated')
    response.setHeader('content-encoding', 'gzip').end(gzipSync('decoded').subarray(0, 15));
  else if (url === '/redirect') response.writeHead(302, { location: '/echo' }).end();
  else if (url === '/silent') return;
  else request.pipe(response);
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
const folder = mkdtempSync(join(tmpdir(), 'kyoa-runtime-'));

const transports: UndiciFetch[] = [];
function opened(options: UndiciOptions = {}): UndiciFetch {
  const transport = undici(options);
  transports.push(transport);
  return transport;
}

const checks: Readonly<Record<string, () => Promise<void>>> = {
  async 'the transport exchanges, decodes, follows, gives up and closes'() {
    const fetch = opened();
    const impatient = opened({ headers: 50 });
    const post = (path: string, body: BodyInit): Promise<Response> => fetch(origin + path, { method: 'POST', body });
    const response = await post('/echo', 'grüße');
    assert(response instanceof Response);
    assert.equal(await response.clone().text(), 'grüße');
    assert.deepEqual(await response.bytes(), new TextEncoder().encode('grüße'));
    assert.equal((await (await post('/echo', 'x'.repeat(1_000_000))).arrayBuffer()).byteLength, 1_000_000);
    assert.equal(await (await fetch(`${origin}/gzip`)).text(), 'decoded');
    assert.equal((await fetch(`${origin}/redirect`)).redirected, true);
    await assert.rejects(async () => (await fetch(`${origin}/truncated`)).text(), { message: 'terminated' });
    await assert.rejects(impatient(`${origin}/silent`), { name: 'TimeoutError', phase: 'headers' });
    const reason = new Error('enough');
    await assert.rejects(fetch(`${origin}/silent`, { signal: AbortSignal.abort(reason) }), reason);
  },
  async 'the standard stack retries on it, and on the global fetch'() {
    const transport = opened();
    for (const options of [{ fetch: transport }, {}]) {
      requests = 0;
      const fetch = createFetch({ use: standard(), ...options });
      assert.equal((await fetch(`${origin}/unsteady`)).status, 200);
      assert.equal(requests, 2);
    }
  },
  async 'the client works on it'() {
    const transport = opened();
    const api = kyoa.create({ fetch: transport });
    assert.deepEqual(await api.post(`${origin}/echo`, { json: { a: 1 } }).json(), { a: 1 });
  },
  async 'file storage keeps its contract'() {
    for (const { name, run } of storageContract(() => file(join(folder, 'store.db')))) {
      await run().catch((cause: unknown) => {
        throw new Error(name, { cause });
      });
    }
  },
};

try {
  for (const [name, check] of Object.entries(checks)) {
    await check();
    console.log(`        ${name}`);
  }
} finally {
  for (const transport of transports) await transport[Symbol.asyncDispose](); // Node 22 has no `await using`
  rmSync(folder, { recursive: true });
  server.close();
  server.closeAllConnections();
}
