/** A policy that changes a thousand times under load, and what is left of it afterwards. */
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import { createFetch, type Middleware } from '../../src/index.ts';
import { policy, type PolicyDocument } from '../../src/policy.ts';
import { countTimers, openSockets } from '../../test/support/sockets.ts';

export interface Left {
  readonly calls: number;
  readonly errors: number;
  /** kB, against the same calls before the changes. */
  readonly heap: number;
  /** Stacks that the garbage collector could not take, the present one included. */
  readonly stacks: number;
  readonly timers: number;
  /** Connections to the servers. Those that are kept alive for the next call do not hold the process. */
  readonly sockets: number;
  readonly listeners: number;
}

/** Without changes, it has the same calls: what they leave is that of the connections. */
export async function changeUnderLoad(
  document: (version: number) => PolicyDocument,
  changes: number,
  seconds: number,
  rate: number,
): Promise<Left> {
  using timers = countTimers();
  const { signal } = new AbortController();
  let listeners = 0;
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = (...args: Parameters<typeof add>) => {
    listeners += 1;
    add(...args);
  };
  signal.removeEventListener = (...args: Parameters<typeof remove>) => {
    listeners -= 1;
    remove(...args);
  };
  const live = policy(document(0));
  const fetch = createFetch({ use: live });
  const stacks: WeakRef<readonly Middleware[]>[] = [];
  let [calls, errors] = [0, 0];
  const running = new Set<Promise<void>>();
  const call = async (): Promise<void> => {
    calls += 1;
    try {
      await (await fetch('http://shop.example/orders', { signal })).arrayBuffer();
    } catch {
      errors += 1;
    }
  };
  const loaded = async (changes: number): Promise<void> => {
    const started = performance.now();
    const ticks = seconds * rate;
    for (let [tick, version] = [0, 0]; tick < ticks; tick += 1) {
      await sleep(Math.max(0, (tick * 1_000) / rate - (performance.now() - started)));
      const sent = call().finally(() => running.delete(sent));
      running.add(sent);
      for (; version < ((tick + 1) * changes) / ticks; version += 1) {
        stacks.push(new WeakRef(live.current));
        live.update(document(version + 1));
      }
    }
    await Promise.all(running);
  };
  await loaded(0); // connections, compiled code
  const before = await collectedHeap();
  await loaded(changes);
  const heap = (await collectedHeap()) - before;
  live.close();
  return {
    calls,
    errors,
    heap: Math.round(heap / 1_024),
    stacks: stacks.filter((stack) => stack.deref() !== undefined).length,
    timers: timers.open(),
    sockets: openSockets().filter(({ referenced }) => referenced).length,
    listeners,
  };
}

async function collectedHeap(): Promise<number> {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  for (let round = 0; round < 8; round += 1) {
    await sleep(100);
    gc();
  }
  return process.memoryUsage().heapUsed;
}
