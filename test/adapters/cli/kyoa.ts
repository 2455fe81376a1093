/** Runs the command as a user does: in a process of its own. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

import { vi } from 'vitest';

import { run } from '../../../adapters/cli/command.ts';
import type { Result } from '../../../adapters/cli/load/result.ts';
import { root } from '../../support/lanes.ts';

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Started {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  /** Resolves when the output matches. */
  says(pattern: RegExp): Promise<void>;
}

const main = join(root, 'adapters/cli/main.ts');

// In CI, Node takes a terminal for one without colours.
const { FORCE_COLOR: _, NO_COLOR: __, NODE_OPTIONS: ___, CI: ____, ...clean } = process.env;

export function start(args: readonly string[], env: NodeJS.ProcessEnv = {}, folder?: string): Started {
  return launch(process.execPath, [main, ...args], env, folder);
}

/** On a terminal of its own, which `script` makes. The whole output is in `stdout`. */
export function startOnTerminal(args: readonly string[], env: NodeJS.ProcessEnv = {}): Started {
  const command = ['stty cols 100 rows 40;', process.execPath, main, ...args].join(' ');
  return launch('script', ['-qec', command, '/dev/null'], { TERM: 'xterm', ...env });
}

/** Writes its output to a file. */
export function startWithOutput(file: string, args: readonly string[]): Started {
  return launch('sh', ['-c', 'exec "$0" "$@" > ' + file, process.execPath, main, ...args], {});
}

function launch(file: string, args: readonly string[], env: NodeJS.ProcessEnv, cwd?: string): Started {
  const child = spawn(file, args, { cwd, env: { ...clean, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const ended = once(child, 'close').then(() => ({ code: child.exitCode, stdout, stderr }));
  return {
    child,
    ended,
    says: (pattern) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (pattern.test(stdout + stderr)) resolve();
        };
        child.stdout.on('data', look);
        child.stderr.on('data', look);
        void ended.then(() => reject(new Error(`The command ended without ${pattern}:\n${stdout}\n${stderr}`)));
        look();
      }),
  };
}

export function kyoa(...args: readonly string[]): Promise<Ended> {
  return start(args).ended;
}

/** `kyoa load ... --json`. */
export async function loaded(...args: readonly string[]): Promise<Result & { readonly code: number | null }> {
  const { code, stdout, stderr } = await kyoa('load', ...args, '--json');
  if (stdout === '') throw new Error(stderr);
  return { ...(JSON.parse(stdout) as Result), code };
}

/** In this process, for what ends before it does anything: a process of its own takes half a second. */
export async function kyoaHere(...args: readonly string[]): Promise<Ended> {
  const written = { stdout: '', stderr: '' };
  const spies = (['stdout', 'stderr'] as const).map((name) =>
    vi.spyOn(process[name], 'write').mockImplementation((text) => {
      written[name] += String(text);
      return true;
    }),
  );
  try {
    return { code: await run(args), ...written };
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}
