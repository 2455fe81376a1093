/** How long a server may be silent. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import kyoa, { createFetch, retry, standard, TimeoutError, timeout } from 'kyoa';
import { events, type EventStream, type EventStreamChange } from 'kyoa/events';
import { describe, expect, test, vi } from 'vitest';

import { all, eventOrigin, eventStream, idsSent, message, sends } from '../support/event-origin.ts';
import { root } from '../support/lanes.ts';
import { origin } from '../support/origin.ts';
import { reasonOf } from '../support/promises.ts';
import { countTimers } from '../support/sockets.ts';

// First, because kyoa itself writes a history a second after a call.
test('a stream with `silence` leaves no timer', async () => {
  await using server = await eventOrigin([
    sends('data: a\n\n'),
    sends('data: b\n\n', 'stay'),
    sends('data: c\n\n', 'break'),
  ]);
  using timers = countTimers();
  await all(events(fetch, server.url, { silence: 60, random: () => 0 }));
  expect(timers.open()).toBe(0);
});

const clients = [
  ['a plain fetch', fetch],
  ['createFetch without a timeout', createFetch({ use: [retry()] })],
  ['createFetch', createFetch({ use: standard({ timeout: { idle: 20 } }) })],
  ['a client without a timeout', kyoa.create({ use: [retry()] })],
  ['a client', kyoa.create({ timeout: { idle: 20 } })],
] as const;

describe.each(clients)('`silence` of a stream of %s', (_, api) => {
  const stream = events as (api: unknown, url: unknown, options?: unknown) => EventStream;

  test('leads to a new connection', async () => {
    const warn = vi.spyOn(console, 'warn');
    await using server = await eventOrigin([sends('id: 1\ndata: a\n\ndata: part', 'stay')]);
    const errors: unknown[] = [];
    const listener = (change: EventStreamChange): void => void ('error' in change && errors.push(change.error));
    const options = { silence: 60, random: () => 0, listener };
    expect(await all(stream(api, server.url, options))).toEqual([message('a', '1')]);
    expect(idsSent(server)).toEqual([undefined, '1']);
    expect(await server.exchanges[0]!.over).toBe('cut');
    expect(errors).toEqual([expect.any(TimeoutError)]);
    expect(errors[0]).toMatchObject({ phase: 'idle', limit: 60 });
    expect((errors[0] as TimeoutError).elapsed).toBeGreaterThan(58);
    expect(warn).not.toHaveBeenCalled();
    warn.mockRestore();
  });

  test('takes the place of `idle`, and a comment is no silence', async () => {
    await using server = await origin(({ response }) => {
      response.writeHead(200, eventStream).write('data: a\n\n');
      let comments = 0;
      const timer = setInterval(() => {
        comments += 1;
        if (comments < 8) response.write(':\n');
        else response.end('data: b\n\n');
      }, 40); // twice the `idle` of the stack
      response.on('close', () => clearInterval(timer));
    });
    expect(await all(stream(api, server.url, { silence: 5_000, reconnects: 0 }))).toEqual([message('a'), message('b')]);
    expect(server.exchanges).toHaveLength(1);
  });
});

test('without `silence`, the `idle` of `timeout` leads to a new connection', async () => {
  await using server = await eventOrigin([sends('id: 1\ndata: a\n\n', 'stay')]);
  const api = createFetch({ use: [timeout({ idle: 60 })] });
  expect(await all(events(api, server.url, { random: () => 0 }))).toEqual([message('a', '1')]);
  expect(idsSent(server)).toEqual([undefined, '1']);
});

test('the `total` of a call ends at the headers, and that of `silence` beside it stays', async () => {
  await using server = await origin(({ response }) => {
    if (server.exchanges.length > 1) return; // it sends no headers
    response.writeHead(200, eventStream).write('data: a\n\n');
    setTimeout(() => response.end('data: b\n\n'), 250);
  });
  const stream = events(kyoa, server.url, { timeout: 150, silence: 5_000, random: () => 0, reconnects: 0 });
  expect(await all(stream)).toEqual([message('a'), message('b')]);
  const next = events(kyoa, server.url, { timeout: 150, silence: 5_000, reconnects: 0 });
  expect(await reasonOf(next.next())).toMatchObject({ phase: 'total', limit: 150 });
});

test('a silence is thrown by a stream that does not reconnect', async () => {
  await using server = await eventOrigin([sends('data: a\n\n', 'stay')]);
  const stream = events(fetch, server.url, { silence: 60, reconnects: 0 });
  expect((await stream.next()).value).toEqual(message('a'));
  expect(await reasonOf(stream.next())).toMatchObject({
    code: 'TIMEOUT',
    message: 'No next chunk of the body within 60 ms (idle)',
  });
});

/** Prints each event, and each change of the connection. */
const program = (url: string, block: number): string => `
  import { events } from './src/events.ts';
  const listener = ({ type }) => console.log(type);
  for await (const { data } of events(fetch, '${url}', { silence: 400, wait: 1, listener })) {
    console.log(data);
    if (data === 'first') setTimeout(setImmediate, 50, () => {
      const end = Date.now() + ${block};
      while (Date.now() < end); // then timers run before the sockets are read
    });
  }`;

test.each(['frozen', 'blocked'])(
  'a process that was %s for longer than `silence` keeps its connection',
  { timeout: 30_000 },
  async (how) => {
    await using server = await origin(({ response }) => {
      if (server.exchanges.length > 1) response.writeHead(204).end();
      else response.writeHead(200, eventStream).write('data: first\n\n');
      const timer = setInterval(() => response.writableEnded || response.write(':\n'), 20);
      response.on('close', () => clearInterval(timer));
    });
    const code = program(server.url, how === 'blocked' ? 1_500 : 0);
    const child = spawn(process.execPath, ['--input-type=module-typescript', '--eval', code], {
      cwd: root,
      env: { ...process.env, NODE_OPTIONS: '' },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const lines: string[] = [];
    for await (const line of createInterface(child.stdout)) {
      lines.push(line);
      const { response } = server.exchanges[0]!;
      if (line === 'first') {
        if (how === 'frozen') child.kill('SIGSTOP');
        setTimeout(() => {
          response.write('data: meanwhile\n\n');
          child.kill('SIGCONT');
        }, 1_500);
      }
      if (line === 'meanwhile') response.end('data: last\n\n');
    }
    expect(lines).toEqual(['events.opened', 'first', 'meanwhile', 'last', 'events.interrupted']);
    expect(server.exchanges).toHaveLength(2);
  },
);
