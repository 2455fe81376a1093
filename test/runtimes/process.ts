/** Runs `program.ts`, or another program of this folder, in a runtime that is a process. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { root } from '../support/lanes.ts';
import type { Check } from './capabilities.ts';
import { repeated, type Outcome } from './outcomes.ts';

export interface Started {
  readonly command: string;
  readonly args: readonly string[];
  /** What the program gets: the origin of the server, and what else it needs. */
  readonly input: object;
}

const longest = 120_000;

export async function runProgram({ command, args, input }: Started, check: Check): Promise<void> {
  const child = spawn(command, [...args, JSON.stringify(input)], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NODE_OPTIONS: '', NO_COLOR: '1' },
    timeout: longest,
    killSignal: 'SIGKILL',
  });
  const ended = once(child, 'close') as Promise<[code: number | null, signal: string | null]>;
  for await (const line of createInterface({ input: child.stdout })) {
    const outcome = outcomeOf(line);
    if (outcome === undefined) console.log(line);
    else await repeated(check, outcome);
  }
  const [code, signal] = await ended;
  await check('the program ends by itself', async () => {
    if (code !== 0) throw new Error(`The program ended with ${signal ?? `status ${code}`}`);
  });
}

export const program: string = join(import.meta.dirname, 'program.ts');

function outcomeOf(line: string): Outcome | undefined {
  return line.startsWith('{"name":') ? (JSON.parse(line) as Outcome) : undefined;
}
