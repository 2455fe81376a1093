import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { createFetch, timeout } from '../../../src/index.ts';

/** A server in a thread of its own, which responds while the program under test is blocked. */
const server = `
  const { createServer } = require('node:http');
  const { parentPort } = require('node:worker_threads');
  createServer((request, response) => {
    parentPort.postMessage('request');
    setTimeout(() => response.end('in time'), 50);
  }).listen(0, '127.0.0.1', function () { parentPort.postMessage(this.address().port); });
`;

let worker: Worker;
let origin: string;
beforeAll(async () => {
  worker = new Worker(server, { eval: true });
  const [port] = (await once(worker, 'message')) as [number];
  origin = `http://127.0.0.1:${port}/`;
});
afterAll(() => worker.terminate());

function block(ms: number): void {
  for (const until = performance.now() + ms; performance.now() < until;);
}

describe('timeout', () => {
  test.each([
    [150, 700],
    [400, 900],
  ])(
    'of %i ms takes a response that arrived in time while the program was blocked for %i ms',
    async (limit, blocked) => {
      const fetch = createFetch({ use: [timeout({ headers: limit })] });
      const response = fetch(origin);
      await once(worker, 'message'); // the server has the request
      setImmediate(() => block(blocked));
      expect(await (await response).text()).toBe('in time');
    },
  );
});
