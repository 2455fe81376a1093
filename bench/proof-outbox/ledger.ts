/**
 * A server that takes orders, and its ledger. An order is executed when its line is in the ledger; a repeat with the same key gets
 * the stored response. It fails at random: a 503, or a connection that is cut before or after the execution.
 */
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Order {
  /** The process or the tab. */
  readonly from: string;
  readonly lane: string;
  /** Counts the orders of this lane and process. */
  readonly n: number;
}

export interface Execution {
  readonly key: string;
  readonly order: Order;
}

/** The shares of the requests that fail, and how long the others take at most, ms. */
export interface Faults {
  readonly refused: number;
  readonly cutBefore: number;
  readonly cutAfter: number;
  readonly delay: number;
}

export const noFaults: Faults = { refused: 0, cutBefore: 0, cutAfter: 0, delay: 10 };

export class Ledger {
  readonly executions: Execution[];
  faults: Faults = noFaults;
  /** All requests, also repeats and those that failed. */
  requests = 0;
  readonly #path: string | undefined;
  readonly #random: () => number;
  readonly #numbers: Map<string, number>;

  /** `path`: a file, so that the ledger outlives its process. */
  constructor(random: () => number, path?: string) {
    this.#random = random;
    this.#path = path;
    this.executions = path === undefined ? [] : executionsIn(path);
    this.#numbers = new Map(this.executions.map(({ key }, n) => [key, n]));
  }

  async respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.requests += 1;
    const { refused, cutBefore, cutAfter, delay } = this.faults;
    let text = '';
    for await (const chunk of request.setEncoding('utf8')) text += String(chunk);
    await sleep(this.#random() * delay);
    const fate = this.#random();
    if (fate < refused) return void response.writeHead(503).end();
    if (fate < refused + cutBefore) return void request.socket.destroy();
    const n = this.#execute(String(request.headers['idempotency-key']), JSON.parse(text) as Order);
    if (fate < refused + cutBefore + cutAfter) return void request.socket.destroy();
    response.writeHead(201, { 'content-type': 'application/json' }).end(JSON.stringify({ n }));
  }

  #execute(key: string, order: Order): number {
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    const execution: Execution = { key, order };
    if (this.#path !== undefined) appendFileSync(this.#path, `${JSON.stringify(execution)}\n`);
    this.#numbers.set(key, this.executions.length);
    return this.executions.push(execution) - 1;
  }
}

export function executionsIn(path: string): Execution[] {
  return linesOf(path).map((line) => JSON.parse(line) as Execution);
}

/** A process that is killed may leave the beginning of a line: it has not happened. */
export function linesOf(path: string): string[] {
  if (!existsSync(path)) return [];
  return readFileSync(path, 'utf8').split('\n').slice(0, -1);
}
