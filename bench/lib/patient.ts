/**
 * The process that `bench/proof-alerts.ts` makes ill: it exports the metrics of docs/examples/node-metrics.ts, and has a
 * fault for each alert of docs/operations/node-alerts.yml. Its parent starts and ends faults by messages.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';

import { Registry } from 'prom-client';

import { nodeMetrics } from '../../docs/examples/node-metrics.ts';

export type Illness = 'blocked' | 'leaking' | 'descriptors';

export interface Patient extends AsyncDisposable {
  /** The host and port of the metrics endpoint. */
  readonly target: string;
  readonly start: (illness: Illness) => void;
  readonly stop: (illness: Illness) => void;
}

/** Small limits, so that a fault reaches them soon. */
const heap = 64;
const descriptors = 128;

export async function patient(): Promise<Patient> {
  const command = `ulimit -n ${descriptors}; exec "$0" "$@"`;
  const execArgv = [process.execPath, `--max-old-space-size=${heap}`, '--max-semi-space-size=2'];
  const child: ChildProcess = fork(fileURLToPath(import.meta.url), {
    execPath: '/bin/sh',
    execArgv: ['-c', command, ...execArgv],
  });
  const [target] = (await once(child, 'message')) as [string];
  return {
    target,
    start: (illness) => child.send({ illness, on: true }),
    stop: (illness) => child.send({ illness, on: false }),
    async [Symbol.asyncDispose]() {
      child.disconnect();
      await once(child, 'exit');
    },
  };
}

const megabyte = (): number[] => Array.from({ length: 2 ** 17 }, () => Math.random());

/** Each starts an illness, and returns its cure. */
const illnesses: Record<Illness, () => () => void> = {
  blocked() {
    // After the loop has polled, where a request would block it: a scrape that waits for a timer's callback may read the
    // histogram, and clear it, before the delay is recorded.
    const block = (): void => {
      const end = performance.now() + 160;
      while (performance.now() < end);
    };
    const timer = setInterval(() => setImmediate(block), 300);
    return () => clearInterval(timer);
  },
  leaking() {
    const leak: number[][] = [];
    const timer = setInterval(() => {
      // Nine tenths of the limit, with the ten megabytes that the process itself has.
      if (leak.length < heap * 0.9 - 10) leak.push(megabyte());
      else leak[0] = megabyte();
    }, 20);
    return () => {
      clearInterval(timer);
      leak.length = 0;
      for (let garbage = 0; garbage < heap; garbage += 1) megabyte(); // brings the next collection
    };
  },
  descriptors() {
    const open = Array.from({ length: descriptors * 0.7 }, () => openSync('/dev/null', 'r'));
    return () => open.forEach((descriptor) => closeSync(descriptor));
  },
};

if (import.meta.main) {
  const registry = new Registry();
  const stop = nodeMetrics(registry);
  const server = createServer((_, response) => {
    void registry.metrics().then((text) => response.setHeader('content-type', registry.contentType).end(text));
  });
  server.listen(0, '127.0.0.1', () => process.send?.(`127.0.0.1:${(server.address() as AddressInfo).port}`));
  const ill = new Map<Illness, () => void>();
  process.on('message', ({ illness, on }: { illness: Illness; on: boolean }) => {
    ill.get(illness)?.();
    if (on) ill.set(illness, illnesses[illness]());
    else ill.delete(illness);
  });
  process.once('disconnect', () => {
    stop();
    for (const cure of ill.values()) cure();
    server.close();
    server.closeAllConnections();
  });
}
