import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { undici } from '../../../adapters/transport/undici/undici.ts';
import { createFetch, hedge, timeout, type Fetch, type Middleware } from '../../../src/index.ts';

/**
 * A server in a thread of its own, which responds while the program under test is blocked. It posts `waiting` when the
 * program has all that comes before the block: the request is received, or the headers are sent as well.
 */
const server = `
  const { createServer } = require('node:http');
  const { parentPort } = require('node:worker_threads');
  createServer((request, response) => {
    if (request.url === '/body') response.write('in ', () => setTimeout(() => parentPort.postMessage('waiting'), 20));
    else parentPort.postMessage('waiting');
    setTimeout(() => response.end(request.url === '/body' ? 'time' : 'in time'), 60);
  }).listen(0, '127.0.0.1', function () { parentPort.postMessage(this.address().port); });
`;

let worker: Worker;
let origin: string;
beforeAll(async () => {
  worker = new Worker(server, { eval: true });
  const [port] = (await once(worker, 'message')) as [number];
  origin = `http://127.0.0.1:${port}`;
});
afterAll(() => worker.terminate());

function block(ms: number): void {
  for (const until = performance.now() + ms; performance.now() < until;);
}

/** The text of a response that arrives while the program is blocked. */
async function readBlocked(fetch: Fetch, path: string, ms: number): Promise<string> {
  const text = fetch(origin + path).then((response) => response.text());
  await once(worker, 'message');
  setImmediate(() => block(ms));
  return text;
}

const transports: readonly (readonly [string, () => Fetch | undefined])[] = [
  ['the global fetch', () => undefined],
  ['undici()', () => undici()],
];

describe.each(transports)('a late timer, over %s,', (_, transport) => {
  test.each<[string, string, number, number, () => Middleware]>([
    ['headers', '/', 150, 700, () => timeout({ headers: 150 })],
    ['headers', '/', 400, 900, () => timeout({ headers: 400 })],
    ['total before the headers', '/', 150, 700, () => timeout({ total: 150 })],
    ['total within the body', '/body', 150, 700, () => timeout({ total: 150 })],
    ['idle', '/body', 150, 700, () => timeout({ idle: 150 })],
  ])('does not blame the server: %s %s, limited to %d ms and blocked for %d', async (_phase, path, _limit, ms, use) => {
    const fetch = createFetch({ use: [use()], fetch: transport() ?? globalThis.fetch });
    expect(await readBlocked(fetch, path, ms)).toBe('in time');
  });

  test('of the delay of hedge sends no copy', async () => {
    let sent = 0;
    const count: Middleware = (_ctx, next) => ((sent += 1), next());
    const fetch = createFetch({ use: [hedge({ delay: 150 }), count], fetch: transport() ?? globalThis.fetch });
    expect(await readBlocked(fetch, '/', 700)).toBe('in time');
    expect(sent).toBe(1);
  });
});

describe('a late timer of undici()', () => {
  test.each<[string, string]>([
    ['headers', '/'],
    ['body', '/body'],
  ])('does not blame the server: %s %s', async (phase, path) => {
    expect(await readBlocked(undici({ [phase]: 150 }), path, 700)).toBe('in time');
  });
});
