/** What is still open: connections and timers of this process, responses of a fault server, a whole process. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { now, soon } from './faults/clock.ts';
import type { FaultServer } from './faults.ts';

export interface OpenSocket {
  readonly localPort: number;
  readonly remotePort: number;
  /** Whether the connection keeps the process alive. The idle connections of undici do not. */
  readonly referenced: boolean;
}

/**
 * The TCP connections of this thread to a port, or to all ports. They are read from a diagnostic report, because
 * `process.getActiveResourcesInfo()` leaves out connections that do not keep the process alive, such as the idle ones of
 * a pool. A connection that is being established has no port yet and is not counted.
 */
export function openSockets(port?: number): OpenSocket[] {
  const report = Object.assign(process.report, { excludeNetwork: true }); // otherwise the report looks up the names of all addresses
  const { libuv } = report.getReport() as { libuv: readonly Handle[] };
  return libuv.flatMap(({ type, is_referenced: referenced, localEndpoint: local, remoteEndpoint: remote }) =>
    type === 'tcp' && local && remote && (port === undefined || remote.port === port)
      ? [{ localPort: local.port, remotePort: remote.port, referenced }]
      : [],
  );
}

interface Handle {
  readonly type: string;
  readonly is_referenced: boolean;
  readonly localEndpoint?: { readonly port: number } | null;
  readonly remoteEndpoint?: { readonly port: number } | null;
}

/**
 * Counts the timers that are started through the globals, as kyoa's are. The test runner and the fault servers hold
 * functions of their own, so that their timers are not counted, and those of the global fetch are left out. The globals are
 * given back when the count is disposed.
 */
export function countTimers(): { open(): number } & Disposable {
  const { setTimeout, clearTimeout, setInterval, clearInterval } = globalThis;
  const timers = new Set<NodeJS.Timeout>();
  const started = (timer: NodeJS.Timeout): NodeJS.Timeout => {
    if (!new Error().stack?.includes('node:internal/deps/undici')) timers.add(timer);
    return timer;
  };
  Object.assign(globalThis, {
    setTimeout: (callback: (...args: unknown[]) => void, ms?: number, ...args: unknown[]) => {
      const timer = setTimeout(() => {
        timers.delete(timer);
        callback(...args);
      }, ms);
      return started(timer);
    },
    setInterval: (...args: Parameters<typeof setInterval>) => started(setInterval(...args)),
    clearTimeout: (timer: NodeJS.Timeout) => {
      timers.delete(timer);
      clearTimeout(timer);
    },
    clearInterval: (timer: NodeJS.Timeout) => {
      timers.delete(timer);
      clearInterval(timer);
    },
  });
  return {
    open: () => timers.size,
    [Symbol.dispose]: () => void Object.assign(globalThis, { setTimeout, clearTimeout, setInterval, clearInterval }),
  };
}

/** Resolves once no response of the server is in flight. Idle connections do not count. Rejects after `within` ms. */
export async function expectQuiet(server: FaultServer, { within = 2_000 }: { within?: number } = {}): Promise<void> {
  await server.until(({ busy }) => busy.length === 0, { within });
}

export interface Exit {
  readonly code: number | null;
  /** `SIGKILL` if the process did not exit within `timeout` ms. */
  readonly signal: NodeJS.Signals | null;
  readonly ms: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a module in another process: a file (URL), or the text of a module. The text may be TypeScript, and its relative
 * imports start at the root of the repository. The exit of the process proves that nothing keeps it alive.
 */
export async function exitsByItself(
  code: string | URL,
  { timeout = 10_000 }: { timeout?: number } = {},
): Promise<Exit> {
  const args = code instanceof URL ? [fileURLToPath(code)] : ['--input-type=module-typescript', '--eval', code];
  const started = now();
  const child = spawn(process.execPath, args, {
    cwd: new URL('../../', import.meta.url),
    env: { ...process.env, NODE_OPTIONS: '' }, // the options of the test runner do not apply
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout,
    killSignal: 'SIGKILL',
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const [exitCode, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  return { code: exitCode, signal, ms: now() - started, stdout, stderr };
}

/**
 * Collects garbage until the predicate holds, and lets finalizers run in between. Create the objects in another
 * function: the frame of an async function keeps its temporaries across an `await`.
 */
export async function gcUntil(predicate: () => boolean, { rounds = 50 }: { rounds?: number } = {}): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    await turn(); // an object that deref() returned lives until the next turn
    collect();
    await turn();
    if (predicate()) return;
  }
  throw new Error(`Not after ${rounds} garbage collections: ${String(predicate)}`);
}

function turn(): Promise<void> {
  return new Promise((resolve) => soon(resolve));
}

function collect(): void {
  if (globalThis.gc === undefined) {
    setFlagsFromString('--expose-gc');
    globalThis.gc = runInNewContext('gc') as NonNullable<typeof globalThis.gc>;
  }
  globalThis.gc();
}
