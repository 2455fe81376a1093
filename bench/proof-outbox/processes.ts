/** The processes of the proof in Node: four that make orders, and the server. Each is killed and started again. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { freePort } from '../../test/support/redis.ts';
import { executionsIn, noFaults, type Execution, type Faults } from './ledger.ts';
import type { Command, Report, Task } from './worker.ts';

export interface Figures {
  readonly heap: number;
  readonly handles: number;
}

export class Worker {
  #child: ChildProcess;
  #isIdle = false;
  #isUp = false;
  readonly #task: () => Task;
  #command: Command = 'stop';

  constructor(task: () => Task) {
    this.#task = task;
    this.#child = this.#start();
  }

  /** Whether it makes no order, and none of its calls waits. */
  get isIdle(): boolean {
    return this.#isIdle;
  }

  /** Whether it has started. */
  get isUp(): boolean {
    return this.#isUp;
  }

  send(command: Command): void {
    if (command !== 'measure') this.#command = command;
    this.#isIdle = false;
    if (this.#child.connected) this.#child.send(command, () => {}); // it may just have been killed
  }

  kill(): void {
    this.#child.kill('SIGKILL');
    this.#child = this.#start();
    this.send(this.#command);
  }

  freeze(): void {
    this.#child.kill('SIGSTOP');
  }

  thaw(): void {
    this.#child.kill('SIGCONT');
  }

  async measure(): Promise<Figures> {
    this.send('measure');
    for (;;) {
      const [report] = (await once(this.#child, 'message')) as [Report];
      if ('heap' in report) return report;
    }
  }

  end(): void {
    this.#child.kill('SIGKILL');
  }

  #start(): ChildProcess {
    const script = join(import.meta.dirname, 'worker.ts');
    const env = { ...process.env, NODE_COMPILE_CACHE: join(tmpdir(), 'kyoa-proof-cache') }; // a process starts in half the time
    const child = fork(script, [JSON.stringify(this.#task())], { execArgv: ['--expose-gc'], env });
    child.on('message', (report: Report) => {
      if (child !== this.#child) return;
      this.#isUp = true;
      if ('idle' in report) this.#isIdle = report.idle;
    });
    child.on('exit', (code) => {
      if (code !== null && child === this.#child) throw new Error(`A process ended with ${code}`);
    });
    this.#isUp = false;
    this.#isIdle = false;
    return child;
  }
}

export class Server {
  readonly url: string;
  /** Since it was started. */
  requests = 0;
  readonly #port: number;
  readonly #seed: () => number;
  #path: string;
  #child: ChildProcess | undefined;

  private constructor(port: number, path: string, seed: () => number) {
    this.#port = port;
    this.url = `http://127.0.0.1:${port}`;
    this.#path = path;
    this.#seed = seed;
  }

  static async start(path: string, seed: () => number): Promise<Server> {
    const server = new Server(await freePort(), path, seed);
    await server.come(noFaults);
    return server;
  }

  /** Starts it, or changes its faults. */
  async come(faults: Faults): Promise<void> {
    if (this.#child === undefined) {
      const args = [String(this.#port), this.#path, String(this.#seed())];
      this.#child = fork(join(import.meta.dirname, 'server.ts'), args, { execArgv: [] });
      this.requests = 0;
      await once(this.#child, 'message');
      this.#child.on('message', ({ requests }: { readonly requests: number }) => (this.requests = requests));
    }
    this.#child.send(faults);
  }

  async go(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }

  /** Starts it with a new ledger. Resolves to the executions in the one before. */
  async turnPage(path: string): Promise<Execution[]> {
    await this.go();
    const executions = executionsIn(this.#path);
    this.#path = path;
    await this.come(noFaults);
    return executions;
  }
}

export async function until(holds: () => boolean | Promise<boolean>, seconds: number, what: string): Promise<void> {
  const end = performance.now() + seconds * 1_000;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`Not within ${seconds} s: ${what}`);
    await sleep(20);
  }
}
