/** What is still open: connections and timers of this process, answers of a fault server, a process as a whole. */
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
  /** Whether it keeps the process alive; undici's idle connections do not. */
  readonly referenced: boolean;
}

/**
 * The TCP connections of this thread to a port, or to any. Read off a diagnostic report, because
 * `process.getActiveResourcesInfo()` leaves out what does not keep the process alive, and so every idle connection
 * of a pool. One that is still connecting has no port yet and is not counted.
 */
export function openSockets(port?: number): OpenSocket[] {
  const report = Object.assign(process.report, { excludeNetwork: true }); // else it looks up the names of all addresses
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

/** How many timers keep the process alive. A test runner has its own: compare with the count from before. */
export function openTimers(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'Timeout' || name === 'Immediate').length;
}

/** Resolves once no answer of the server is under way; idle connections are fine. Rejects after `within` ms with what is left. */
export async function expectQuiet(server: FaultServer, { within = 2_000 }: { within?: number } = {}): Promise<void> {
  await server.until(({ busy }) => busy.length === 0, { within });
}

export interface Exit {
  readonly code: number | null;
  /** `SIGKILL` if it had to be ended after `timeout` ms. */
  readonly signal: NodeJS.Signals | null;
  readonly ms: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a module in a process of its own: a file (URL), or the text of one (TypeScript too) whose relative imports start
 * at the root of the repository. That it exits by itself proves that nothing keeps a process alive.
 */
export async function exitsByItself(
  code: string | URL,
  { timeout = 10_000 }: { timeout?: number } = {},
): Promise<Exit> {
  const args = code instanceof URL ? [fileURLToPath(code)] : ['--input-type=module-typescript', '--eval', code];
  const started = now();
  const child = spawn(process.execPath, args, {
    cwd: new URL('../../', import.meta.url),
    env: { ...process.env, NODE_OPTIONS: '' }, // of the test runner's
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
 * Collects garbage until the predicate holds; finalizers get their turn in between. Make what is to be collected
 * in a function of its own: the frame of an async one holds its temporaries across an `await`.
 */
export async function gcUntil(predicate: () => boolean, { rounds = 50 }: { rounds?: number } = {}): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    await turn(); // what a WeakRef was asked for lives until then
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
