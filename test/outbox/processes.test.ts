/** Processes that share a file: one is frozen, or killed, and another one sends what waits. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { createFetch, type Storage } from 'kyoa';
import { file } from 'kyoa/file';
import { outbox, type Outbox } from 'kyoa/outbox';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { root } from '../support/lanes.ts';
import { ledger, type Ledger } from '../support/ledger.ts';
import { until } from '../support/origin.ts';

const lease = 600;

let server: Ledger;
let folder: string;
let storage: Storage;
let box: Outbox;
let child: ChildProcess;
let said: string[];
beforeEach(async () => {
  server = await ledger();
  folder = mkdtempSync(join(tmpdir(), 'kyoa-outbox-'));
  storage = file(join(folder, 'box.db'), { durability: 'process' }); // a process that is frozen while it writes holds up all
  box = outbox({ lease, backoff: () => 50 });
  said = [];
});
afterEach(async () => {
  child.kill('SIGKILL');
  box.close();
  await server[Symbol.asyncDispose]();
  await storage.close();
  rmSync(folder, { recursive: true });
});

const start = (...ids: string[]): void => {
  const args = [`${server.url}/orders`, join(folder, 'box.db'), `${lease}`, ...ids];
  child = fork(join(root, 'test/outbox/order-process.ts'), args);
  child.on('message', (line: string) => void said.push(line));
};
const connect = (): void => void createFetch({ use: [box], storage });

test('a process that is killed while its request is on its way: another one sends it with the same key, and those behind it', async () => {
  server.state = 'hang';
  start('one', 'two', 'three');
  await until(() => server.arrivals.length === 1);
  connect();
  await vi.waitFor(async () => expect(await box.waiting()).toHaveLength(3));
  child.kill('SIGKILL');
  server.state = 'up';
  await vi.waitFor(async () => expect(await box.waiting()).toEqual([]), 8_000);
  expect(server.keys).toEqual(['one', 'one', 'two', 'three']);
  expect(server.executed).toEqual(['one', 'two', 'three']);
}, 20_000);

test('a process that is frozen while its request is on its way: another one goes on, and it sends nothing twice when it wakes', async () => {
  server.state = 'hang';
  start('one', 'two', 'three');
  await until(() => server.arrivals.length === 1);
  connect();
  await vi.waitFor(async () => expect(await box.waiting()).toHaveLength(3));
  child.kill('SIGSTOP');
  server.state = 'up';
  await vi.waitFor(async () => expect(await box.waiting()).toEqual([]), 8_000);
  expect(server.keys).toEqual(['one', 'one', 'two', 'three']);
  child.kill('SIGCONT');
  server.reset(); // its connection is gone
  await vi.waitFor(() => expect(said).toHaveLength(3), 8_000);
  expect(server.executed).toEqual(['one', 'two', 'three']);
  expect(server.keys.slice(1, 4)).toEqual(['one', 'two', 'three']);
  expect(await box.waiting()).toEqual([]);
  expect(said.map((line) => line.slice(0, -3)).toSorted()).toEqual(['one ', 'three ', 'two ']);
}, 20_000);

test('a process that ends while others wait leaves them to the next one', async () => {
  server.state = 'down';
  start('one', 'two');
  await vi.waitFor(() => expect(said).toEqual(['one 202', 'two 202']), 8_000);
  const exit = once(child, 'exit');
  child.disconnect();
  await exit;
  server.state = 'up';
  connect();
  await vi.waitFor(async () => expect(await box.waiting()).toEqual([]), 8_000);
  expect(server.keys).toEqual(['one', 'two']);
}, 20_000);
