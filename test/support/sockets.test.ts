import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { faultServer, type FaultServer } from './faults.ts';
import { countTimers, exitsByItself, expectQuiet, gcUntil, openSockets } from './sockets.ts';

let server: FaultServer;
beforeEach(async () => {
  server = await faultServer();
});
afterEach(() => server.close());

describe('openSockets', () => {
  test('lists the busy and the idle connections of this process to a port', async () => {
    expect(openSockets(server.port)).toEqual([]);

    const response = await fetch(server.url('/stall/body'));
    expect(openSockets(server.port)).toMatchObject([{ remotePort: server.port }]);
    await response.body?.cancel();
    await server.until(({ open }) => open === 0);
    expect(openSockets(server.port)).toEqual([]);

    await (await fetch(server.url('/ok'))).text();
    expect(openSockets(server.port)).toHaveLength(1);
  });

  test('lists the connections to every port without an argument', async () => {
    await (await fetch(server.url('/ok'))).text();
    expect(openSockets().map(({ remotePort }) => remotePort)).toContain(server.port);
  });
});

describe('countTimers', () => {
  test('counts a timer until it is cleared or has run', async () => {
    using timers = countTimers();
    const timer = setTimeout(() => {}, 10_000);
    const interval = setInterval(() => {}, 10_000);
    expect(timers.open()).toBe(2);
    clearTimeout(timer);
    clearInterval(interval);
    expect(timers.open()).toBe(0);
    const fired = new Promise((resolve) => setTimeout(resolve, 1, 'fired'));
    expect(timers.open()).toBe(1);
    expect(await fired).toBe('fired');
    expect(timers.open()).toBe(0);
  });

  test('gives the globals back', () => {
    const before = globalThis.setTimeout;
    {
      using _ = countTimers();
      expect(globalThis.setTimeout).not.toBe(before);
    }
    expect(globalThis.setTimeout).toBe(before);
  });
});

describe('expectQuiet', () => {
  test('resolves with idle connections', async () => {
    await (await fetch(server.url('/ok'))).text();
    await expectQuiet(server);
    expect(server.open).toBe(1);
  });

  test('waits for the end of the last response', async () => {
    const response = await fetch(server.url('/drip/body'));
    const [, text] = await Promise.all([expectQuiet(server), response.text()]);
    expect(text).toHaveLength(100);
  });

  test('rejects with the requests that are left', async () => {
    const response = await fetch(server.url('/stall/body'));
    await expect(expectQuiet(server, { within: 20 })).rejects.toThrow('1.1 GET /stall/body (0 bytes): hanging');
    await response.body?.cancel();
    await expectQuiet(server);
  });
});

describe('exitsByItself', () => {
  test('runs the text of a module that can import from the repository', async () => {
    const exit = await exitsByItself(`
      import { faults } from './test/support/faults/table.ts';
      const count: number = faults.length;
      console.log(count > 0, process.version);
      console.error('and so on');
    `);
    expect(exit).toMatchObject({ code: 0, signal: null, stdout: `true ${process.version}\n`, stderr: 'and so on\n' });
    expect(exit.ms).toBeGreaterThan(0);
  });

  test('runs a file', async () => {
    expect(await exitsByItself(new URL('faults/table.ts', import.meta.url))).toMatchObject({ code: 0, signal: null });
  });

  test('reports a failure', async () => {
    const { code, stderr } = await exitsByItself(`process.exitCode = 3; throw new Error('a mistake')`);
    expect(code).toBe(1);
    expect(stderr).toContain('a mistake');
  });

  test('kills a process that does not exit', async () => {
    const exit = await exitsByItself(`setInterval(() => {}, 1_000); console.log('up')`, { timeout: 1_000 });
    expect(exit).toMatchObject({ code: null, signal: 'SIGKILL', stdout: 'up\n' });
    expect(exit.ms).toBeGreaterThanOrEqual(990);
  });

  test('shows that a closed fault server keeps no process alive', async () => {
    const exit = await exitsByItself(`
      import { faultServer } from './test/support/faults.ts';
      const server = await faultServer();
      await (await fetch(server.url('/ok'))).text();
      const hanging = fetch(server.url('/blackhole')).catch(() => console.log('cut'));
      await server.until(({ last }) => last?.state === 'hanging');
      await server.close();
      await hanging;
    `);
    expect(exit).toMatchObject({ code: 0, stdout: 'cut\n', stderr: '' });
  });
});

describe('gcUntil', () => {
  // These are functions because the frame of a test would keep its objects alive.
  const weak = (): WeakRef<object> => new WeakRef({});
  const watched = (collected: () => void): FinalizationRegistry<unknown> => {
    const registry = new FinalizationRegistry(collected);
    registry.register({}, undefined);
    return registry;
  };

  test('collects until the predicate holds', async () => {
    const reference = weak();
    await expect(gcUntil(() => reference.deref() === undefined)).resolves.toBeUndefined();
  });

  test('lets finalizers run', async () => {
    let finalized = false;
    const registry = watched(() => (finalized = true));
    await expect(gcUntil(() => finalized)).resolves.toBeUndefined();
    expect(registry).toBeDefined();
  });

  test('rejects for an object that stays referenced', async () => {
    const held = {};
    const reference = new WeakRef(held);
    await expect(gcUntil(() => reference.deref() === undefined, { rounds: 3 })).rejects.toThrow('Not after 3');
    expect(held).toBeDefined();
  });
});
