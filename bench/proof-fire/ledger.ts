/** The server of the proof. It executes every request, and its ledger has every execution. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Execution {
  readonly id: string;
  /** The client process. */
  readonly pid: number;
  /** On the clock of `performance.now()` of the process of the proof, as all times here. */
  readonly at: number;
  /** Different for each execution. */
  readonly body: string;
}

export interface Ledger {
  readonly url: string;
  readonly executions: readonly Execution[];
  readonly close: () => Promise<void>;
}

/** `effort`: how long the server works on a request, ms: from, to. */
export async function openLedger([from, to]: readonly [number, number]): Promise<Ledger> {
  const executions: Execution[] = [];
  const server = createServer(async (request, response) => {
    request.resume();
    const { 'idempotency-key': id, 'x-pid': pid } = request.headers;
    const body = crypto.randomUUID();
    executions.push({ id: String(id), pid: Number(pid), at: performance.now(), body });
    await sleep(from + Math.random() * (to - from));
    response.end(body);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/orders`,
    executions,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
