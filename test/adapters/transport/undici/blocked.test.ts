/** A process that is blocked before its request is on the wire: the limits do not blame the server for it. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { undici, type UndiciFetch, type UndiciOptions } from '../../../../adapters/transport/undici/undici.ts';
import { createFetch, timeout, type Fetch } from '../../../../src/index.ts';
import { ownCertificate } from '../../../support/faults/tls.ts';

/** A server in a thread of its own, which responds while the program under test is blocked. */
const server = `
  const { createSecureServer } = require('node:http2');
  const { parentPort, workerData } = require('node:worker_threads');
  createSecureServer({ ...workerData, allowHTTP1: true }, (request, response) => {
    request.resume().on('end', () => setTimeout(() => response.end('in time'), 20));
  }).listen(0, '127.0.0.1', function () { parentPort.postMessage(this.address().port); });
`;

let worker: Worker;
let url: string;
beforeAll(async () => {
  worker = new Worker(server, { eval: true, workerData: ownCertificate() });
  const [port] = (await once(worker, 'message')) as [number];
  url = `https://127.0.0.1:${port}/`;
});
afterAll(() => worker.terminate());

let transport: UndiciFetch;
afterEach(() => transport.destroy());

function block(ms: number): void {
  for (const until = performance.now() + ms; performance.now() < until;);
}

const limit = 400;
const large = (): RequestInit => ({ method: 'POST', body: new Uint8Array(1_000_000) });
const limitedBy = (headers: number, fetch: Fetch): Fetch => createFetch({ use: [timeout({ headers })], fetch });

describe.each([
  ['HTTP/1.1', false],
  ['HTTP/2', true],
])('a process that is blocked right after a call over %s does not exceed', (_, http2) => {
  test.each<[string, UndiciOptions, boolean, (() => RequestInit)?]>([
    ['`connect`', { connect: limit }, false],
    ['`headers`', { headers: limit }, true],
    ['`headers` after an upload', { headers: limit }, true, large],
    ['`write`', { write: limit }, true, large],
    ['`timeout({ headers })`', {}, true],
    ['`timeout({ headers })` on a new connection', {}, false],
  ])('%s', async (name, options, kept, init = () => ({})) => {
    transport = undici({ http2, tls: { rejectUnauthorized: false }, ...options });
    const fetch = name.includes('timeout') ? limitedBy(limit, transport) : transport;
    if (kept) await (await transport(url)).text();
    for (const turns of [0, 1]) {
      const texts = [1, 2].map(() => fetch(url, init()).then((response) => response.text()));
      for (let turn = 0; turn < turns; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      block(1.5 * limit);
      expect(await Promise.all(texts)).toEqual(['in time', 'in time']);
    }
  });
});
